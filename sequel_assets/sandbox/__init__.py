"""A Sequel of our own: a synthetic world, true to the minute, behind the API's endpoints over a real socket.

    world = build_world(WorldSpec(seed=7, companies=4, days=14))
    with Sandbox(world) as sandbox:
        os.environ.update(sandbox.environment())

People develop against it offline, the demo runs on it, and every test's truth comes from it. It shares no code with
the client.
"""

from sequel_assets.sandbox.api.faults import FAULTS, QUIRKS, Fault, Faults
from sequel_assets.sandbox.api.signin import Credentials
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
    "World",
    "WorldSpec",
    "build_world",
    "serve_forever",
]
