"""What the tests run in pods of the cluster: a client, and a Hugging Face hub with a small model.

It runs with the standard library alone, in the stub's image, from a ConfigMap with the files that it imports.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import socket
import ssl
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.fake_hub import FakeHub
from tests.node.client import Answer, Clients, ask

# Where nothing answers, a packet was dropped on its way.
REACH_SECONDS = 3.0
HUB_PORT = 8000
CONFIG = json.dumps({"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"}).encode()
TENSOR = json.dumps({"weight": {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}}).encode()
WEIGHTS = struct.pack("<Q", len(TENSOR)) + TENSOR + bytes(64)
MODEL = {"config.json": CONFIG, "model.safetensors": WEIGHTS}


def main() -> None:
    """Run one verb."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["ask", "traffic", "reach", "hub"])
    parser.add_argument("targets", nargs="*", metavar="HOST:PORT")
    parser.add_argument("--model", default="InternVL2-1B")
    parser.add_argument("--tokens", type=int, default=3)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--key", default="")
    parser.add_argument("--ca", default="", help="certificate authority of an HTTPS server, as text")
    options = parser.parse_args()
    match options.verb:
        case "ask":
            print(json.dumps(dataclasses.asdict(_request(options, options.targets[0]))))
        case "traffic":
            _traffic(options)
        case "reach":
            with ThreadPoolExecutor() as pool:
                reached = pool.map(_reaches, options.targets)
            print(json.dumps(dict(zip(options.targets, reached, strict=True))))
        case "hub":
            _serve_hub()


def _request(options: argparse.Namespace, target: str) -> Answer:
    host, _, port = target.rpartition(":")
    tls = ssl.create_default_context(cadata=options.ca) if options.ca else None
    return ask(
        host, int(port), options.model, options.tokens, stream=options.stream, key=options.key, tls=tls
    )


def _traffic(options: argparse.Namespace) -> None:
    """Ask each target without a pause until SIGTERM, then print how the requests ended.

    Not before kube-proxy leads to each: it hears of pods that are ready on its own.
    """
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    while any(_reaches(target) != "in" for target in options.targets) and not told.wait(0.2):
        pass
    with Clients(*(partial(_request, options, target) for target in options.targets)) as clients:
        print("asking", flush=True)
        told.wait()
        answers = clients.stop()
    problems = [answer.problem for answer in answers if answer.problem]
    print(json.dumps({"requests": len(answers), "problems": problems}))


def _reaches(target: str) -> str:
    """Say what becomes of a connection: "in", "dropped" on its way, or "refused" as nobody serves there yet."""
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=REACH_SECONDS):
            return "in"
    except TimeoutError:
        return "dropped"
    except ConnectionRefusedError:
        return "refused"


def _serve_hub() -> None:
    """Serve a model until SIGTERM, and print how many bytes of each file were sent, whenever that changes."""
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with FakeHub(MODEL, "0.0.0.0", HUB_PORT) as hub:
        printed: dict[str, int] = {}
        while not told.wait(0.1):
            if hub.sent != printed:
                printed = dict(hub.sent)
                print(json.dumps(printed), flush=True)


if __name__ == "__main__":
    main()
