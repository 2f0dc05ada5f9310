"""The certificates of docs/home-assistant.md, made by its own commands: a broker with them and our client meet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from packseal.io.mqtt_settings import MQTTTable
from tests.io.mosquitto import Mosquitto
from tests.io.mqtt_clients import QUICK, Hearing
from tests.line.rig import tool

PAGE = (Path(__file__).parents[2] / "docs/home-assistant.md").read_text()


@pytest.fixture
def broker(tmp_path: Path) -> Mosquitto:
    """With the two files that the page has copied to /ssl."""
    tool("openssl")
    (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "openssl" in block]
    done = subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = dict(re.findall(r"`(certfile|keyfile): (mqtt\.\w+)`", PAGE))
    return Mosquitto(tmp_path, *(f"{key} {tmp_path / name}" for key, name in files.items()), is_tls=True)


def access(folder: Path, **more: object) -> MQTTTable:
    (ca,) = re.findall(r'(?m)^ca = "(.+)"$', PAGE)
    return MQTTTable.model_validate({"ca": folder / ca, **more})


def test_the_gateway_meets_a_broker_with_the_certificate_of_the_page(broker: Mosquitto, tmp_path: Path) -> None:
    broker.start()
    (name,) = re.findall(r'`server_name = "(.+)"` below', PAGE)
    with Hearing(broker.address, "gateway", "t", access=access(tmp_path, server_name=name), times=QUICK) as gateway:
        gateway.subscribed("t")
        assert (gateway.figure("connected"), gateway.connection.problem) == (1, "")
    broker.kill()


def test_by_an_address_alone_it_is_told_to_set_server_name(broker: Mosquitto, tmp_path: Path) -> None:
    broker.start()
    with Hearing(broker.address, "gateway", access=access(tmp_path), times=QUICK) as gateway:
        assert "set server_name of [mqtt]" in gateway.problem_with("for another name")
    broker.kill()
