"""compose.yaml: that what is said in it holds together, with the service and with the other files in deploy/ and grafana/."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.compose import HERE, ROOT, Compose, defaults
from parts.needs import need
from realtime.errors import ConfigurationError
from realtime.settings import Settings, load_settings

COMPOSE = Compose.load()
SERVICES = sorted(COMPOSE.services)
PODS = ("realtime-1", "realtime-2")
PROMETHEUS = ROOT / "deploy/prometheus"


def yaml_of(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.fixture(params=PODS)
def settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in COMPOSE.services[request.param]["environment"].items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_pods_take_their_environment(settings: Settings) -> None:
    assert settings.pod.name in PODS
    assert settings.kafka.bootstrap_servers == "kafka:19092"


def test_a_short_secret_is_refused_by_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Compose.load(REALTIME_AUTH_SECRET="short")
    for name, value in short.services["realtime-1"]["environment"].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="REALTIME_AUTH__SECRET"):
        load_settings()


def test_the_topics_are_those_that_pods_read(settings: Settings) -> None:
    topics = COMPOSE.services["topics"]
    assert topics["environment"]["TOPICS"].split() == list(settings.kafka.topics.by_event().values())
    assert f"--topic {settings.kafka.dead_letter_topic} " in topics["entrypoint"][-1].replace("\n", " ")


def test_a_pod_is_given_the_time_that_it_takes_to_leave(settings: Settings) -> None:
    needed = settings.drain.settle_seconds + settings.drain.grace_seconds + 60
    assert COMPOSE.services[settings.pod.name]["stop_grace_period"] == f"{needed:g}s"


def test_pods_trace_to_the_collector_and_it_to_jaeger(settings: Settings) -> None:
    collector = yaml_of(HERE / "collector.yaml")
    port = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert str(settings.tracing.endpoint) == f"http://collector:{port}"
    assert collector["exporters"]["otlp_grpc/jaeger"]["endpoint"] == "jaeger:4317"
    (pipeline,) = collector["service"]["pipelines"].values()
    for kind, names in pipeline.items():
        assert set(names) <= set(collector[kind]), kind


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_harm(name: str) -> None:
    service = COMPOSE.services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].partition(":")[0] not in {"", "0", "root"}
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_this_machine_alone(name: str) -> None:
    for port in COMPOSE.services[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_two_services_want_one_port() -> None:
    taken = [port.split(":")[1] for service in COMPOSE.services.values() for port in service.get("ports", [])]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    service = COMPOSE.services[name]
    if "build" in service:
        assert (ROOT / service["build"]["context"]).is_dir()
        assert service["pull_policy"] == "build"
    else:
        assert re.fullmatch(r"[a-z-]+(/[a-z-]+)?:v?\d+\.\d+\.\d+(-alpine)?", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_read_only(name: str) -> None:
    for volume in COMPOSE.services[name].get("volumes", []):
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).exists(), volume
            assert mode == ["ro"]
        else:
            assert source in COMPOSE.document["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_can_be_waited_for(name: str) -> None:
    waits_for = COMPOSE.services[name].get("depends_on", {})
    for other, how in waits_for.items() if isinstance(waits_for, dict) else ():
        assert other in COMPOSE.services
        if how["condition"] == "service_healthy":
            assert "healthcheck" in COMPOSE.services[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert COMPOSE.services[other]["restart"] == "no"


def test_only_what_has_no_shell_or_ends_has_no_health_check() -> None:
    without = {name for name, service in COMPOSE.services.items() if "healthcheck" not in service}
    assert without == {"collector", "jaeger", "topics"}


def test_all_that_can_be_changed_is_in_the_example_with_its_default() -> None:
    written = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (HERE / "env.example").read_text(), re.MULTILINE))
    assert written == defaults()


def test_prometheus_asks_the_pods_and_labels_them_as_the_rules_go_by() -> None:
    (job,) = yaml_of(HERE / "prometheus.yaml")["scrape_configs"]
    (static,) = job["static_configs"]
    assert static["targets"] == [f"{pod}:3009" for pod in PODS]
    assert {*static["labels"], job["relabel_configs"][0]["target_label"]} == {"cluster", "namespace", "pod"}
    in_kubernetes = yaml_of(PROMETHEUS / "prometheus.yaml")["scrape_configs"][0]
    assert job["job_name"] == in_kubernetes["job_name"]


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    # As they are mounted: side by side.
    shutil.copy(HERE / "prometheus.yaml", tmp_path)
    shutil.copy(PROMETHEUS / "rules.yaml", tmp_path)
    command = [need("promtool"), "check", "config", str(tmp_path / "prometheus.yaml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alertmanager_groups_and_silences_as_in_production() -> None:
    here, there = yaml_of(HERE / "alertmanager.yaml"), yaml_of(PROMETHEUS / "alertmanager.yaml")
    assert here["route"] == there["route"]
    assert here["inhibit_rules"] == there["inhibit_rules"]
    assert [list(receiver) for receiver in here["receivers"]] == [["name"], ["name"]]


def test_alertmanager_takes_its_configuration() -> None:
    command = [need("amtool"), "check-config", str(HERE / "alertmanager.yaml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_grafana_finds_dashboards_and_sources() -> None:
    mounts = {
        target: ROOT / source for source, target, *_ in (v.split(":") for v in COMPOSE.services["grafana"]["volumes"])
    }
    (provider,) = yaml_of(mounts["/etc/grafana/provisioning/dashboards"] / "realtime.yaml")["providers"]
    dashboards = mounts[provider["options"]["path"]]
    home = COMPOSE.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (dashboards / Path(home).relative_to(provider["options"]["path"])).exists()
    sources = [
        source
        for target, path in mounts.items()
        if target.startswith("/etc/grafana/provisioning/datasources/")
        for source in yaml_of(path)["datasources"]
    ]
    assert {(source["type"], source["uid"]) for source in sources} == {
        ("prometheus", "prometheus"),
        ("jaeger", "jaeger"),
    }
    for source in sources:
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert host in COMPOSE.services
        assert port in {published.rpartition(":")[2] for published in COMPOSE.services[host]["ports"]}
    (in_production,) = yaml_of(ROOT / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    more = sources[0]["jsonData"].pop("exemplarTraceIdDestinations")
    assert sources[0] == in_production
    assert more == [{"name": "trace_id", "datasourceUid": "jaeger"}]


def test_haproxy_knows_the_pods() -> None:
    servers = re.findall(r"^ +server (\S+) (\S+):3009 cookie (\S+)$", (HERE / "haproxy.cfg").read_text(), re.MULTILINE)
    assert servers == [(pod, pod, pod) for pod in PODS]
