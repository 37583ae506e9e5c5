// AWS SDK for JavaScript v3, unmodified. Prints one `name value` line for each thing it saw; sdk.py knows what they must be.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ActivityDoesNotExist, CreateActivityCommand, CreateStateMachineCommand, DeleteActivityCommand, DeleteStateMachineCommand, DescribeActivityCommand,
  DescribeExecutionCommand, DescribeStateMachineCommand, ExecutionAlreadyExists, ExecutionDoesNotExist, ExecutionNotRedrivable, GetActivityTaskCommand,
  InvalidDefinition, InvalidName, InvalidToken, RedriveExecutionCommand, SFNClient, SendTaskFailureCommand, SendTaskHeartbeatCommand, SendTaskSuccessCommand,
  StartExecutionCommand, StartSyncExecutionCommand, StateMachineDoesNotExist, TaskTimedOut, TestStateCommand, paginateGetExecutionHistory,
} from "@aws-sdk/client-sfn";

const roleArn = "arn:aws:iam::123456789012:role/r";
const [scenario] = process.argv.slice(2);
const definition = (name) => readFileSync(`${scenario}/${name}.json`, "utf8");
// Endpoint, region and credentials come from the environment; only the prefix "sync-" needs a word in the program.
const client = new SFNClient({ disableHostPrefix: true });
const say = (name, value) => console.log(`${name} ${value}`);

const create = async (name, file, type) =>
  (await client.send(new CreateStateMachineCommand({ name, definition: definition(file), roleArn, type }))).stateMachineArn;

async function ended(executionArn) {
  for (let tries = 0; tries < 600; tries += 1) {
    const description = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (description.status !== "RUNNING") return description;
    await sleep(50);
  }
  throw new Error(`${executionArn} is still running`);
}

async function history(executionArn) {
  const events = [];
  for await (const page of paginateGetExecutionHistory({ client, pageSize: 2 }, { executionArn })) events.push(...page.events);
  return events.map((event) => `${event.id}:${event.type}`).join(",");
}

async function refused(name, type, command) {
  try {
    await client.send(command);
    say(name, "was accepted");
  } catch (error) {
    say(name, error instanceof type ? `${error.name} ${error.message}` : `untyped ${error}`);
  }
}

async function lifecycle() {
  const stateMachineArn = await create("steps", "steps.asl");
  const start = { stateMachineArn, name: "one", input: '{"number": 21}' };
  const { executionArn, startDate } = await client.send(new StartExecutionCommand(start));
  const end = await ended(executionArn);
  say("steps.end", `${end.status} ${end.output} ${end.startDate.getTime() === startDate.getTime() && end.stopDate >= startDate}`);
  say("steps.history", await history(executionArn));
  await refused("error.name-taken", ExecutionAlreadyExists, new StartExecutionCommand({ ...start, input: "{}" }));
  await refused("error.not-redrivable", ExecutionNotRedrivable, new RedriveExecutionCommand({ executionArn }));
  await refused("error.no-execution", ExecutionDoesNotExist, new DescribeExecutionCommand({ executionArn: `${executionArn}-not` }));
  return stateMachineArn;
}

async function activity() {
  const { activityArn } = await client.send(new CreateActivityCommand({ name: "review" }));
  const stateMachineArn = await create("review", "review.asl");
  const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn, input: '{"page": 1}' }));
  const poll = new GetActivityTaskCommand({ activityArn, workerName: "javascript" });
  const first = await client.send(poll);
  await client.send(new SendTaskFailureCommand({ taskToken: first.taskToken, error: "Refused", cause: "a typo" }));
  const failed = await ended(executionArn);
  say("review.failed", `${failed.status} ${failed.error} ${failed.cause} ${failed.redriveStatus}`);
  await client.send(new RedriveExecutionCommand({ executionArn }));
  const { taskToken, input } = await client.send(poll);
  say("review.input", input);
  await client.send(new SendTaskHeartbeatCommand({ taskToken }));
  await client.send(new SendTaskSuccessCommand({ taskToken, output: '{"approved": true}' }));
  const end = await ended(executionArn);
  say("review.end", `${end.status} ${end.output} ${end.redriveCount}`);
  say("review.history", await history(executionArn));
  await refused("error.token-used", TaskTimedOut, new SendTaskHeartbeatCommand({ taskToken }));
  await refused("error.token", InvalidToken, new SendTaskSuccessCommand({ taskToken: "none of ours", output: "{}" }));
  await client.send(new DeleteActivityCommand({ activityArn }));
  await refused("error.no-activity", ActivityDoesNotExist, new DescribeActivityCommand({ activityArn }));
  return stateMachineArn;
}

async function prefixed() {
  const stateMachineArn = await create("quick", "steps.asl", "EXPRESS");
  const sync = await client.send(new StartSyncExecutionCommand({ stateMachineArn, input: '{"number": 4}' }));
  say("sync.end", `${sync.status} ${sync.output}`);
  const mock = { result: '{"StatusCode": 200, "Payload": {"cents": 250}}' };
  const tested = await client.send(new TestStateCommand({ definition: definition("call.state"), input: '{"order": 1}', mock, inspectionLevel: "DEBUG" }));
  say("test-state.end", `${tested.status} ${tested.nextState} ${tested.output} ${tested.inspectionData.afterParameters}`);
  return stateMachineArn;
}

async function remove(stateMachineArn) {
  await client.send(new DeleteStateMachineCommand({ stateMachineArn }));
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
    } catch (error) {
      if (error instanceof StateMachineDoesNotExist) return "gone";
      throw error;
    }
    await sleep(50);
  }
  return "still there";
}

const machines = [await lifecycle(), await activity(), await prefixed()];
await refused("error.definition", InvalidDefinition, new CreateStateMachineCommand({ name: "bad", definition: "{}", roleArn }));
await refused("error.name", InvalidName, new CreateStateMachineCommand({ name: "a b", definition: definition("steps.asl"), roleArn }));
say("deleted", (await Promise.all(machines.map(remove))).join(","));
await refused("error.no-machine", StateMachineDoesNotExist, new StartExecutionCommand({ stateMachineArn: machines[0] }));
