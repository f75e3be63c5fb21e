"""A simulator of Sequel: a synthetic world, exact to the minute, behind the API's endpoints over a real socket.

    world = build_world(WorldSpec(seed=7, companies=4, days=14))
    with Sandbox(world) as sandbox:
        os.environ.update(sandbox.environment())

For offline development, for the demo, and as the source of truth in tests. It must share no code with the rest of the
package: an error in shared code would be in both and no test could find it.
"""

from sequel_assets.sandbox.api.faults import FAULTS, QUIRKS, Fault, Faults
from sequel_assets.sandbox.api.signin import Credentials
from sequel_assets.sandbox.api.variations import Variations
from sequel_assets.sandbox.foreground import serve_forever
from sequel_assets.sandbox.server import PortTakenError, Sandbox
from sequel_assets.sandbox.webhooks.deliveries import Delivery
from sequel_assets.sandbox.webhooks.delivery_faults import DELIVERY_FAULTS, DeliveryFaults
from sequel_assets.sandbox.world.clock import Clock
from sequel_assets.sandbox.world.generate import WorldSpec, build_world
from sequel_assets.sandbox.world.truth import (
    AS_IS,
    HUB,
    MISSING,
    STAGE,
    Attendance,
    Company,
    Event,
    Minute,
    Person,
    Room,
)
from sequel_assets.sandbox.world.world import World

__all__ = [
    "AS_IS",
    "DELIVERY_FAULTS",
    "FAULTS",
    "HUB",
    "MISSING",
    "QUIRKS",
    "STAGE",
    "Attendance",
    "Clock",
    "Company",
    "Credentials",
    "Delivery",
    "DeliveryFaults",
    "Event",
    "Fault",
    "Faults",
    "Minute",
    "Person",
    "PortTakenError",
    "Room",
    "Sandbox",
    "Variations",
    "World",
    "WorldSpec",
    "build_world",
    "serve_forever",
]
