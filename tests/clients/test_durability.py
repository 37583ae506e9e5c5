"""kill -9 of the server in the middle: nothing that was acknowledged is lost."""
import json
import time

from conftest import wait_end

WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 2, "Next": "Done"}, "Done": {"Type": "Pass", "Result": "done", "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/r"


def test_waiting_executions_survive_kill(server):
    client = server.client()
    machine = client.create_state_machine(name="waiting", definition=json.dumps(WAITING), roleArn=ROLE)["stateMachineArn"]
    arns = [client.start_execution(stateMachineArn=machine, name=f"e-{n}", input=json.dumps({"n": n}))["executionArn"] for n in range(50)]
    server.kill()
    server.start()
    client = server.client()
    for arn in arns:
        ended = wait_end(client, arn)
        assert ended["status"] == "SUCCEEDED" and ended["output"] == '"done"'
        events = client.get_execution_history(executionArn=arn)["events"]
        assert [event["type"] for event in events] == ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "PassStateEntered", "PassStateExited",
                                                       "ExecutionSucceeded"]


def test_orders_survive_kill_in_the_middle(order_server):
    client = order_server.client()
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    inputs = sorted((order_server.folder / "inputs").glob("*.json"))
    started = {}
    for n in range(3):
        for path in inputs:
            document = json.loads(path.read_text())
            document["orderId"] = f"{document['orderId']}-{n}"
            answer = client.start_execution(stateMachineArn=machine, name=document["orderId"], input=json.dumps(document))
            started[answer["executionArn"]] = json.loads((order_server.folder / "expected" / path.name).read_text())
    time.sleep(0.5)
    order_server.kill()
    order_server.start()
    client = order_server.client()
    for arn, expected in started.items():
        ended = wait_end(client, arn, 120)
        assert ended["status"] == expected["status"], (arn, ended)


def test_names_stay_taken(server):
    client = server.client()
    machine = client.create_state_machine(name="waiting", definition=json.dumps(WAITING), roleArn=ROLE)["stateMachineArn"]
    first = client.start_execution(stateMachineArn=machine, name="once", input="{}")
    server.kill()
    server.start()
    again = server.client().start_execution(stateMachineArn=machine, name="once", input="{}")
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
