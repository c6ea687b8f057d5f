"""Settings from the environment."""

import pytest

from internvl_operator.settings import LeaseSettings, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_every_variable_is_read() -> None:
    environment = {
        "INTERNVL_NAMESPACES": "vision, captions",
        "INTERNVL_DEFAULT_GPU": "NVIDIA-L4",
        "INTERNVL_INVENTORY": "NVIDIA-L4=8, NVIDIA-H200=4",
        "INTERNVL_HTTP_PORT": "9000",
        "INTERNVL_WORKERS": "4",
        "INTERNVL_RELIST_SECONDS": "30",
        "INTERNVL_NODES_TTL_SECONDS": "5",
        "INTERNVL_LEASE_NAME": "internvl-operator",
        "INTERNVL_LEASE_NAMESPACE": "internvl-system",
        "INTERNVL_LEASE_SECONDS": "30",
    }
    assert Settings.from_environment(environment) == Settings(
        namespaces=("vision", "captions"),
        default_gpu="NVIDIA-L4",
        inventory=(("NVIDIA-L4", 8), ("NVIDIA-H200", 4)),
        http_port=9000,
        workers=4,
        relist_seconds=30.0,
        nodes_ttl_seconds=5.0,
        lease=LeaseSettings("internvl-operator", "internvl-system", 30),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INTERNVL_WORKERS", "many"),
        ("INTERNVL_WORKERS", "0"),
        ("INTERNVL_WORKERS", "1.9"),
        ("INTERNVL_HTTP_PORT", "99999"),
        ("INTERNVL_RELIST_SECONDS", "0"),
        ("INTERNVL_RELIST_SECONDS", "nan"),
        ("INTERNVL_RELIST_SECONDS", "inf"),
        ("INTERNVL_NODES_TTL_SECONDS", "-1"),
    ],
)
def test_a_wrong_number_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*{value}"):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("entry", ["NVIDIA-L4", "NVIDIA-L4=", "=8", "NVIDIA-L4=0", "NVIDIA-L4=few"])
def test_an_inventory_that_cannot_be_read_shows_how_to_write_it(entry: str) -> None:
    with pytest.raises(ValueError, match="such as NVIDIA-L4=8"):
        Settings.from_environment({"INTERNVL_INVENTORY": entry})


def test_a_lease_needs_its_namespace_and_whole_seconds() -> None:
    named = {"INTERNVL_LEASE_NAME": "internvl-operator"}
    with pytest.raises(ValueError, match="needs INTERNVL_LEASE_NAMESPACE"):
        Settings.from_environment(named)
    named["INTERNVL_LEASE_NAMESPACE"] = "internvl-system"
    with pytest.raises(ValueError, match=r"INTERNVL_LEASE_SECONDS must be a whole number .*1\.5"):
        Settings.from_environment(named | {"INTERNVL_LEASE_SECONDS": "1.5"})
    assert Settings.from_environment(named).lease == LeaseSettings("internvl-operator", "internvl-system", 15)
