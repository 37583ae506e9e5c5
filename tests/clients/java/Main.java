import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.client.config.SdkAdvancedClientOption;
import software.amazon.awssdk.services.sfn.SfnClient;
import software.amazon.awssdk.services.sfn.model.*;

/** AWS SDK for Java v2, unmodified. Prints one `name value` line for each thing it saw; sdk.py knows what they must be. */
public class Main {
    static final String ROLE = "arn:aws:iam::123456789012:role/r";

    // Endpoint, region and credentials come from the environment; only the prefix "sync-" needs a word in the program.
    static final SfnClient CLIENT = SfnClient.builder()
        .overrideConfiguration(with -> with.putAdvancedOption(SdkAdvancedClientOption.DISABLE_HOST_PREFIX_INJECTION, true))
        .build();

    static Path scenario;

    public static void main(String[] arguments) throws Exception {
        scenario = Path.of(arguments[0]);
        List<String> machines = List.of(lifecycle(), activity(), prefixed());
        refused("error.definition", InvalidDefinitionException.class, () -> CLIENT.createStateMachine(r -> r.name("bad").definition("{}").roleArn(ROLE)));
        refused("error.name", InvalidNameException.class, () -> create("a b", "steps.asl", StateMachineType.STANDARD));
        say("deleted", machines.stream().map(Main::remove).collect(Collectors.joining(",")));
        refused("error.no-machine", StateMachineDoesNotExistException.class, () -> CLIENT.startExecution(r -> r.stateMachineArn(machines.get(0))));
    }

    static String lifecycle() {
        String machine = create("steps", "steps.asl", StateMachineType.STANDARD);
        var started = CLIENT.startExecution(r -> r.stateMachineArn(machine).name("one").input("{\"number\": 21}"));
        String execution = started.executionArn();
        var end = ended(execution);
        say("steps.end", end.statusAsString() + " " + end.output() + " "
            + (end.startDate().equals(started.startDate()) && !end.stopDate().isBefore(end.startDate())));
        say("steps.history", history(execution));
        refused("error.name-taken", ExecutionAlreadyExistsException.class,
            () -> CLIENT.startExecution(r -> r.stateMachineArn(machine).name("one").input("{}")));
        refused("error.not-redrivable", ExecutionNotRedrivableException.class, () -> CLIENT.redriveExecution(r -> r.executionArn(execution)));
        refused("error.no-execution", ExecutionDoesNotExistException.class, () -> CLIENT.describeExecution(r -> r.executionArn(execution + "-not")));
        return machine;
    }

    static String activity() {
        String activity = CLIENT.createActivity(r -> r.name("review")).activityArn();
        String machine = create("review", "review.asl", StateMachineType.STANDARD);
        String execution = CLIENT.startExecution(r -> r.stateMachineArn(machine).input("{\"page\": 1}")).executionArn();
        String first = CLIENT.getActivityTask(r -> r.activityArn(activity).workerName("java")).taskToken();
        CLIENT.sendTaskFailure(r -> r.taskToken(first).error("Refused").cause("a typo"));
        var failed = ended(execution);
        say("review.failed", failed.statusAsString() + " " + failed.error() + " " + failed.cause() + " " + failed.redriveStatusAsString());
        CLIENT.redriveExecution(r -> r.executionArn(execution));
        var second = CLIENT.getActivityTask(r -> r.activityArn(activity).workerName("java"));
        say("review.input", second.input());
        CLIENT.sendTaskHeartbeat(r -> r.taskToken(second.taskToken()));
        CLIENT.sendTaskSuccess(r -> r.taskToken(second.taskToken()).output("{\"approved\": true}"));
        var end = ended(execution);
        say("review.end", end.statusAsString() + " " + end.output() + " " + end.redriveCount());
        say("review.history", history(execution));
        refused("error.token-used", TaskTimedOutException.class, () -> CLIENT.sendTaskHeartbeat(r -> r.taskToken(second.taskToken())));
        refused("error.token", InvalidTokenException.class, () -> CLIENT.sendTaskSuccess(r -> r.taskToken("none of ours").output("{}")));
        CLIENT.deleteActivity(r -> r.activityArn(activity));
        refused("error.no-activity", ActivityDoesNotExistException.class, () -> CLIENT.describeActivity(r -> r.activityArn(activity)));
        return machine;
    }

    static String prefixed() {
        String machine = create("quick", "steps.asl", StateMachineType.EXPRESS);
        var sync = CLIENT.startSyncExecution(r -> r.stateMachineArn(machine).input("{\"number\": 4}"));
        say("sync.end", sync.statusAsString() + " " + sync.output());
        var tested = CLIENT.testState(r -> r.definition(definition("call.state")).input("{\"order\": 1}").inspectionLevel(InspectionLevel.DEBUG)
            .mock(m -> m.result("{\"StatusCode\": 200, \"Payload\": {\"cents\": 250}}")));
        say("test-state.end", tested.statusAsString() + " " + tested.nextState() + " " + tested.output() + " " + tested.inspectionData().afterParameters());
        return machine;
    }

    static String create(String name, String file, StateMachineType type) {
        return CLIENT.createStateMachine(r -> r.name(name).definition(definition(file)).roleArn(ROLE).type(type)).stateMachineArn();
    }

    static DescribeExecutionResponse ended(String execution) {
        for (int tries = 0; tries < 600; tries++) {
            var description = CLIENT.describeExecution(r -> r.executionArn(execution));
            if (description.status() != ExecutionStatus.RUNNING) {
                return description;
            }
            pause();
        }
        throw new IllegalStateException(execution + " is still running");
    }

    static String history(String execution) {
        return CLIENT.getExecutionHistoryPaginator(r -> r.executionArn(execution).maxResults(2)).events().stream()
            .map(event -> event.id() + ":" + event.typeAsString()).collect(Collectors.joining(","));
    }

    static String remove(String machine) {
        CLIENT.deleteStateMachine(r -> r.stateMachineArn(machine));
        for (int tries = 0; tries < 200; tries++) {
            try {
                CLIENT.describeStateMachine(r -> r.stateMachineArn(machine));
            } catch (StateMachineDoesNotExistException gone) {
                return "gone";
            }
            pause();
        }
        return "still there";
    }

    static void refused(String name, Class<? extends SfnException> type, Supplier<?> call) {
        try {
            call.get();
            say(name, "was accepted");
        } catch (SfnException error) {
            var details = error.awsErrorDetails();
            say(name, type.isInstance(error) ? details.errorCode() + " " + details.errorMessage() : "untyped " + error);
        }
    }

    static String definition(String name) {
        try {
            return Files.readString(scenario.resolve(name + ".json"));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    static void pause() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    static void say(String name, String value) {
        System.out.println(name + " " + value);
    }
}
