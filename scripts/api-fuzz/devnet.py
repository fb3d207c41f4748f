"""A devnet of its own, on free ports, that ends with this script."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "target/devnet.json"
READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60


@contextlib.contextmanager
def running(log: pathlib.Path):
    """Yields the manifest of a system that is ready; at the end every process of it has ended."""
    began = time.time()
    with log.open("w", encoding="utf-8") as file:
        environment = {**os.environ, "PORT": "0", "EVM_PORT": "0", "BITCOIN": "none"}
        command = [ROOT / "target/debug/adit-devnet", "up"]
        devnet = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        while not (MANIFEST.exists() and MANIFEST.stat().st_mtime >= began):
            if devnet.poll() is not None or time.time() > began + READY_SECONDS_MAX:
                raise SystemExit(f"api-fuzz: the devnet did not come up:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        yield json.loads(MANIFEST.read_text(encoding="utf-8"))
    finally:
        if devnet.poll() is None:
            devnet.send_signal(signal.SIGINT)
        devnet.wait(STOP_SECONDS_MAX)
