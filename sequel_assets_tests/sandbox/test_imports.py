"""Importing the sandbox loads none of the rooms that it tests."""

import subprocess
import sys


def test_the_sandbox_loads_no_client_no_warehouse_and_no_settings():
    """In a fresh interpreter; of the project only itself."""
    rooms = "{m.split('.')[1] for m in sys.modules if m.startswith('sequel_assets.')}"
    code = f"import sys, sequel_assets.sandbox; print(*{rooms})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["sandbox"]
