"""The manifests: valid against Kubernetes' own schemas, and of one piece: what names something else finds it."""
import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from conftest import DEPLOY, run, tool
from referencing import Registry
from referencing.jsonschema import DRAFT202012

OVERLAYS = ("embedded", "cluster")
VERSION = "1.37"
SCHEMAS = {"PodMonitor": "pod_monitor", "ServiceMonitor": "service_monitor", "PrometheusRule": "prometheus_rule", "ScaledObject": "scaled_object"}
SCHEMA_FOLDER = Path(__file__).parent / "schemas"


@pytest.fixture(scope="module", params=OVERLAYS)
def resources(request):
    """All of an overlay, as `kubectl apply` would get it."""
    return list(yaml.safe_load_all(run(tool("kustomize"), "build", DEPLOY / "k8s/overlays" / request.param)))


def of_kind(resources, *kinds):
    return [resource for resource in resources if resource["kind"] in kinds]


def workloads(resources):
    return of_kind(resources, "Deployment", "StatefulSet")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def pod_labels(resources):
    return [workload["spec"]["template"]["metadata"]["labels"] for workload in workloads(resources)]


def names(resources, kind):
    return {resource["metadata"]["name"] for resource in of_kind(resources, kind)}


def validator(name):
    contents = {file.name: json.loads(file.read_text()) for file in SCHEMA_FOLDER.glob("*.json")}
    made = [(file, DRAFT202012.create_resource(content)) for file, content in contents.items()]
    return jsonschema.Draft202012Validator(contents[f"{name}.json"], registry=Registry().with_resources(made))


def test_every_resource_is_valid(resources):
    for resource in resources:
        if resource["kind"] in SCHEMAS:
            validator(SCHEMAS[resource["kind"]]).validate(resource)
        else:
            kubernetes_validate.validate(resource, VERSION, strict=True)


def test_the_check_notices_a_wrong_type_and_an_unknown_field(resources):
    """So that the test above can fail."""
    workload = json.loads(json.dumps(workloads(resources)[0]))
    workload["spec"]["template"]["spec"]["terminationGracePeriodSecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(workload, VERSION, strict=True)
    monitor = json.loads(json.dumps(of_kind(resources, "PodMonitor")[0]))
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "15s"
    with pytest.raises(jsonschema.ValidationError):
        validator("pod_monitor").validate(monitor)


def test_everything_is_in_one_namespace(resources):
    namespace = names(resources, "Namespace")
    assert namespace == {"baton"}
    for resource in resources:
        assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "baton", resource["metadata"]


def test_selectors_select_pods(resources):
    pods = pod_labels(resources)
    selectors = []
    for resource in resources:
        kind, spec = resource["kind"], resource.get("spec", {})
        if kind == "Service":
            selectors.append((resource, spec["selector"]))
        elif kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "PodMonitor"):
            selectors.append((resource, spec["selector"]["matchLabels"]))
        elif kind == "NetworkPolicy":
            peers = [peer for rule in spec.get("ingress", []) + spec.get("egress", []) for peer in rule.get("from", []) + rule.get("to", [])]
            selectors += [(resource, peer["podSelector"]["matchLabels"]) for peer in peers if "podSelector" in peer]
            selectors.append((resource, spec["podSelector"].get("matchLabels", {})))
        for workload_spread in pod(resource).get("topologySpreadConstraints", []) if kind in ("Deployment", "StatefulSet") else []:
            selectors.append((resource, workload_spread["labelSelector"]["matchLabels"]))
    for resource, selector in selectors:
        matches = [labels for labels in pods if selector.items() <= labels.items()]
        assert matches, f"{resource['kind']} {resource['metadata']['name']} selects nothing with {selector}"
    services = {service["metadata"]["name"]: service["metadata"].get("labels", {}) for service in of_kind(resources, "Service")}
    for monitor in of_kind(resources, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert any(wanted.items() <= labels.items() for labels in services.values()), monitor["metadata"]["name"]


def ports_of(labels_wanted, resources):
    """Ports by name, and numbers, of the pods that are selected."""
    found = set()
    for workload in workloads(resources):
        if labels_wanted.items() <= workload["spec"]["template"]["metadata"]["labels"].items():
            for container in pod(workload)["containers"]:
                for port in container.get("ports", []):
                    found |= {port["name"], port["containerPort"]}
    return found


def test_ports_exist_where_they_are_named(resources):
    for service in of_kind(resources, "Service"):
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports_of(service["spec"]["selector"], resources), f"{service['metadata']['name']}: {port}"
    for monitor in of_kind(resources, "PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            assert endpoint["port"] in ports_of(monitor["spec"]["selector"]["matchLabels"], resources)
    for monitor in of_kind(resources, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        ports = {port["name"] for service in of_kind(resources, "Service") if wanted.items() <= service["metadata"]["labels"].items() for port in service["spec"]["ports"]}
        assert all(endpoint["port"] in ports for endpoint in monitor["spec"]["endpoints"])
    for policy in of_kind(resources, "NetworkPolicy"):
        own = policy["spec"]["podSelector"].get("matchLabels", {})
        for rule in policy["spec"].get("ingress", []):
            assert all(port["port"] in ports_of(own, resources) for port in rule["ports"]), policy["metadata"]["name"]
        for rule in policy["spec"].get("egress", []):
            for peer in rule.get("to", []):
                if "podSelector" in peer:
                    theirs = ports_of(peer["podSelector"]["matchLabels"], resources)
                    assert all(port["port"] in theirs for port in rule["ports"]), policy["metadata"]["name"]
    for workload in workloads(resources):
        for container in pod(workload)["containers"]:
            own = {port["name"] for port in container.get("ports", [])}
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind, {})
                for how in ("httpGet", "tcpSocket"):
                    assert how not in probe or probe[how]["port"] in own, f"{container['name']}: {kind}"


def test_what_pods_refer_to_is_there(resources):
    configuration, secrets = names(resources, "ConfigMap"), {secret["metadata"]["name"]: secret for secret in of_kind(resources, "Secret")}
    accounts = names(resources, "ServiceAccount")
    for workload in workloads(resources):
        spec = pod(workload)
        assert spec.get("serviceAccountName", "default") in accounts | {"default"}
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in spec.get("volumes", [])} | claims
        for volume in spec.get("volumes", []):
            assert "configMap" not in volume or volume["configMap"]["name"] in configuration, volume
            assert "secret" not in volume or volume["secret"]["secretName"] in secrets, volume
        for container in spec["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes
            variables = {variable["name"] for variable in container.get("env", [])}
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in secrets[reference["name"]]["data"], reference
            for argument in container.get("command", []) + container.get("args", []):
                for part in argument.split("$(")[1:]:
                    assert part.split(")")[0] in variables, f"{container['name']} does not know $({part}"
        if workload["kind"] == "StatefulSet":
            assert workload["spec"]["serviceName"] in names(resources, "Service")
    for scaled in of_kind(resources, "ScaledObject"):
        target = scaled["spec"]["scaleTargetRef"]
        assert target["name"] in names(resources, target["kind"])
        scaled_workload = next(workload for workload in workloads(resources) if workload["metadata"]["name"] == target["name"])
        assert "replicas" not in scaled_workload["spec"], "each apply would undo what the ScaledObject has decided"


def test_containers_may_do_nothing_but_their_work(resources):
    for workload in workloads(resources):
        spec = pod(workload)
        assert spec["automountServiceAccountToken"] is False and spec["terminationGracePeriodSeconds"] >= 60
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] > 0 and context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, container["name"]
            assert container["resources"]["requests"]["memory"] and container["resources"]["limits"]["memory"]
            # Of an image without a shell nothing can be executed.
            assert not container["image"].startswith("baton") or all("exec" not in container.get(probe, {}) for probe in ("startupProbe", "livenessProbe", "readinessProbe"))


def test_whoever_answers_is_probed(resources):
    for workload in workloads(resources):
        for container in pod(workload)["containers"]:
            if container.get("ports"):
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), container["name"]
    coordinator = next(workload for workload in workloads(resources) if workload["metadata"]["labels"].get("app.kubernetes.io/component") == "coordinator")
    paths = {probe: pod(coordinator)["containers"][0][probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def test_a_data_folder_has_one_writer(resources):
    for stateful in of_kind(resources, "StatefulSet"):
        assert stateful["spec"]["replicas"] == 1, stateful["metadata"]["name"]


def test_nothing_is_allowed_that_no_policy_names(resources):
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(resources, "NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    wide = [name for name, spec in policies.items() if {} in spec.get("ingress", []) or {} in spec.get("egress", [])]
    assert set(wide) <= {"workers-out"}


def test_sdks_find_the_host_with_sync_before_it(resources):
    services = {service["metadata"]["name"]: service["spec"] for service in of_kind(resources, "Service")}
    assert services["sync-baton"] == services["baton"]


def test_dashboards_are_where_the_sidecar_looks(resources):
    dashboards = next(resource for resource in of_kind(resources, "ConfigMap") if resource["metadata"]["name"] == "baton-dashboards")
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {json.loads(text)["uid"] for text in dashboards["data"].values()} == {json.loads(file.read_text())["uid"] for file in (DEPLOY / "grafana").glob("*.json")}
    assert sum(map(len, dashboards["data"].values())) < 1_000_000, "a ConfigMap holds a mebibyte"


def test_passwords_and_policies_are_the_same_wherever_they_stand():
    folder = DEPLOY / "k8s/overlays/cluster"
    definitions = json.loads((folder / "definitions.json").read_text())
    assert definitions["policies"] == json.loads((DEPLOY / "rabbitmq/definitions.json").read_text())["policies"]
    secrets = dict(line.split("=", 1) for line in (folder / "secrets.env").read_text().splitlines())
    user, = definitions["users"]
    assert secrets["BATON_QUEUE"] == f"amqp://{user['name']}:{user['password']}@rabbitmq:5672/%2f"
    assert secrets["BATON_STORE"] == f"redis://:{secrets['REDIS_PASSWORD']}@redis:6379"
