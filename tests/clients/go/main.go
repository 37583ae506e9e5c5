// AWS SDK for Go v2, unmodified. Prints one `name value` line for each thing it saw; sdk.py knows what they must be.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var (
	roleArn = aws.String("arn:aws:iam::123456789012:role/r")
	here    = context.Background()
)

// StartSyncExecution and TestState put "sync-" before the host; this leaves the host as it is.
func withoutHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("WithoutHostPrefix",
		func(context context.Context, input middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(context, true), input)
		}), middleware.After)
}

func newClient() *sfn.Client {
	return sfn.New(sfn.Options{
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_SFN")),
		Region:       os.Getenv("AWS_REGION"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{withoutHostPrefix},
	})
}

type driver struct{ client *sfn.Client }

func must[T any](answer T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func definition(name string) *string {
	return aws.String(string(must(os.ReadFile(os.Args[1] + "/" + name + ".json"))))
}

func say(name string, values ...any) {
	fmt.Println(append([]any{name}, values...)...)
}

// The text of an error that is of the SDK's own type T.
func refused[T smithy.APIError](name string, err error) {
	var typed T
	if errors.As(err, &typed) {
		say(name, typed.ErrorCode(), typed.ErrorMessage())
	} else {
		say(name, "untyped or none:", err)
	}
}

func (d driver) create(name, file string, kind types.StateMachineType) *string {
	return must(d.client.CreateStateMachine(here, &sfn.CreateStateMachineInput{
		Name: &name, Definition: definition(file), RoleArn: roleArn, Type: kind})).StateMachineArn
}

func (d driver) start(machine *string, name *string, input string) (*sfn.StartExecutionOutput, error) {
	return d.client.StartExecution(here, &sfn.StartExecutionInput{StateMachineArn: machine, Name: name, Input: &input})
}

func (d driver) ended(execution *string) *sfn.DescribeExecutionOutput {
	for range 600 {
		description := must(d.client.DescribeExecution(here, &sfn.DescribeExecutionInput{ExecutionArn: execution}))
		if description.Status != types.ExecutionStatusRunning {
			return description
		}
		time.Sleep(50 * time.Millisecond)
	}
	log.Fatalf("%s is still running", *execution)
	return nil
}

func (d driver) history(execution *string) string {
	pages := sfn.NewGetExecutionHistoryPaginator(d.client, &sfn.GetExecutionHistoryInput{ExecutionArn: execution, MaxResults: 2})
	var events []string
	for pages.HasMorePages() {
		for _, event := range must(pages.NextPage(here)).Events {
			events = append(events, fmt.Sprintf("%d:%s", event.Id, event.Type))
		}
	}
	return strings.Join(events, ",")
}

func (d driver) lifecycle() *string {
	machine := d.create("steps", "steps.asl", types.StateMachineTypeStandard)
	started := must(d.start(machine, aws.String("one"), `{"number": 21}`))
	end := d.ended(started.ExecutionArn)
	say("steps.end", end.Status, *end.Output, end.StartDate.Equal(*started.StartDate) && !end.StopDate.Before(*end.StartDate))
	say("steps.history", d.history(started.ExecutionArn))
	_, err := d.start(machine, aws.String("one"), "{}")
	refused[*types.ExecutionAlreadyExists]("error.name-taken", err)
	_, err = d.client.RedriveExecution(here, &sfn.RedriveExecutionInput{ExecutionArn: started.ExecutionArn})
	refused[*types.ExecutionNotRedrivable]("error.not-redrivable", err)
	_, err = d.client.DescribeExecution(here, &sfn.DescribeExecutionInput{ExecutionArn: aws.String(*started.ExecutionArn + "-not")})
	refused[*types.ExecutionDoesNotExist]("error.no-execution", err)
	return machine
}

func (d driver) activity() *string {
	activity := must(d.client.CreateActivity(here, &sfn.CreateActivityInput{Name: aws.String("review")})).ActivityArn
	machine := d.create("review", "review.asl", types.StateMachineTypeStandard)
	execution := must(d.start(machine, nil, `{"page": 1}`)).ExecutionArn
	poll := &sfn.GetActivityTaskInput{ActivityArn: activity, WorkerName: aws.String("go")}
	first := must(d.client.GetActivityTask(here, poll))
	must(d.client.SendTaskFailure(here, &sfn.SendTaskFailureInput{TaskToken: first.TaskToken, Error: aws.String("Refused"), Cause: aws.String("a typo")}))
	failed := d.ended(execution)
	say("review.failed", failed.Status, *failed.Error, *failed.Cause, failed.RedriveStatus)
	must(d.client.RedriveExecution(here, &sfn.RedriveExecutionInput{ExecutionArn: execution}))
	second := must(d.client.GetActivityTask(here, poll))
	say("review.input", *second.Input)
	must(d.client.SendTaskHeartbeat(here, &sfn.SendTaskHeartbeatInput{TaskToken: second.TaskToken}))
	must(d.client.SendTaskSuccess(here, &sfn.SendTaskSuccessInput{TaskToken: second.TaskToken, Output: aws.String(`{"approved": true}`)}))
	end := d.ended(execution)
	say("review.end", end.Status, *end.Output, *end.RedriveCount)
	say("review.history", d.history(execution))
	_, err := d.client.SendTaskHeartbeat(here, &sfn.SendTaskHeartbeatInput{TaskToken: second.TaskToken})
	refused[*types.TaskTimedOut]("error.token-used", err)
	_, err = d.client.SendTaskSuccess(here, &sfn.SendTaskSuccessInput{TaskToken: aws.String("none of ours"), Output: aws.String("{}")})
	refused[*types.InvalidToken]("error.token", err)
	must(d.client.DeleteActivity(here, &sfn.DeleteActivityInput{ActivityArn: activity}))
	_, err = d.client.DescribeActivity(here, &sfn.DescribeActivityInput{ActivityArn: activity})
	refused[*types.ActivityDoesNotExist]("error.no-activity", err)
	return machine
}

func (d driver) prefixed() *string {
	machine := d.create("quick", "steps.asl", types.StateMachineTypeExpress)
	sync := must(d.client.StartSyncExecution(here, &sfn.StartSyncExecutionInput{StateMachineArn: machine, Input: aws.String(`{"number": 4}`)}))
	say("sync.end", sync.Status, *sync.Output)
	tested := must(d.client.TestState(here, &sfn.TestStateInput{
		Definition: definition("call.state"), Input: aws.String(`{"order": 1}`), InspectionLevel: types.InspectionLevelDebug,
		Mock: &types.MockInput{Result: aws.String(`{"StatusCode": 200, "Payload": {"cents": 250}}`)}}))
	say("test-state.end", tested.Status, *tested.NextState, *tested.Output, *tested.InspectionData.AfterParameters)
	return machine
}

func (d driver) remove(machine *string) string {
	must(d.client.DeleteStateMachine(here, &sfn.DeleteStateMachineInput{StateMachineArn: machine}))
	for range 200 {
		_, err := d.client.DescribeStateMachine(here, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
		var gone *types.StateMachineDoesNotExist
		if errors.As(err, &gone) {
			return "gone"
		}
		must(0, err)
		time.Sleep(50 * time.Millisecond)
	}
	return "still there"
}

func main() {
	d := driver{newClient()}
	machines := []*string{d.lifecycle(), d.activity(), d.prefixed()}
	_, err := d.client.CreateStateMachine(here, &sfn.CreateStateMachineInput{Name: aws.String("bad"), Definition: aws.String("{}"), RoleArn: roleArn})
	refused[*types.InvalidDefinition]("error.definition", err)
	_, err = d.client.CreateStateMachine(here, &sfn.CreateStateMachineInput{Name: aws.String("a b"), Definition: definition("steps.asl"), RoleArn: roleArn})
	refused[*types.InvalidName]("error.name", err)
	var removed []string
	for _, machine := range machines {
		removed = append(removed, d.remove(machine))
	}
	say("deleted", strings.Join(removed, ","))
	_, err = d.start(machines[0], nil, "{}")
	refused[*types.StateMachineDoesNotExist]("error.no-machine", err)
}
