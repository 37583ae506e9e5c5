use std::time::Duration;

use super::*;
use crate::functions::{FunctionTable, Runtime};

const ORDERS: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: test }
Globals:
  Function:
    Runtime: python3.11
    Timeout: 10
    Environment:
      Variables: { STAGE: !Ref Stage, SHARED: a }
Resources:
  Charge:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      CodeUri: ./charge/
      MemorySize: 512
      ReservedConcurrentExecutions: 4
      Environment:
        Variables: { SHARED: b, TABLE: !Ref Orders, TABLE_ARN: !GetAtt Orders.Arn, VERSION: 1.10 }
  Mail:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: !Sub "${AWS::StackName}-mail", Runtime: nodejs20.x, Handler: src/app.handler, CodeUri: mail, Timeout: 2 }
  Report:
    Type: AWS::Serverless::Function
    Properties: { Runtime: java21, Handler: "a.B::c", CodeUri: absent }
  Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: orders } }
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: flow.asl.json
      DefinitionSubstitutions:
        ChargeArn: !GetAtt Charge.Arn
        MailArn: { "Fn::GetAtt": [Mail, Arn] }
        Limit: 3
  Inline:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: inline-flow
      Type: EXPRESS
      Logging:
        Level: ALL
        IncludeExecutionData: true
        Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: !Sub "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:flows" } }]
      Definition:
        StartAt: A
        States:
          A: { Type: Task, Resource: !GetAtt Charge.Arn, Parameters: { "other": !Ref Flow, "n": 2 }, End: true }
  Policy: { Type: AWS::IAM::Policy, Properties: { PolicyName: !ImportValue unknown } }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["charge", "mail"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let flow = r#"{"Resource": "${ChargeArn}", "Mail": "${ MailArn }", "Max": ${Limit}, "Text": "${Unknown}"}"#;
    std::fs::write(folder.path().join("flow.asl.json"), flow).expect("a file");
    folder
}

fn parse(text: &str) -> Result<Template, String> {
    let folder = folder();
    Template::parse(text, &folder.path().join("template.yaml"), &Location::default())
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

#[test]
fn functions_have_globals_beneath_them() {
    let table = FunctionTable::from_template(&parse(ORDERS).expect("a template"));
    let charge = table.get("Charge").expect("Charge");
    assert!(matches!(&charge.runtime, Runtime::Python { handler, code, .. } if handler == "app.handler" && code.ends_with("charge")));
    assert_eq!((charge.timeout, charge.memory_mb, charge.concurrency), (Duration::from_secs(10), 512, 4));
    let variables: Vec<_> = charge.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        variables,
        ["SHARED=b", "STAGE=test", "TABLE=orders", "TABLE_ARN=arn:aws:dynamodb:us-east-1:123456789012:table/orders", "VERSION=1.10"]
    );
    let mail = table.get("baton-mail").expect("named by FunctionName");
    assert_eq!((mail.timeout, mail.concurrency), (Duration::from_secs(2), 10));
    assert!(matches!(&table.get("Report").expect("Report").runtime, Runtime::Unsupported { identifier } if identifier == "java21"));
}

#[test]
fn machines_have_names_types_and_resolved_definitions() {
    let template = parse(ORDERS).expect("a template");
    let [flow, inline] = template.state_machines.as_slice() else { panic!("two machines") };
    assert_eq!((flow.name.as_str(), flow.machine_type, flow.definition.format), ("Flow", MachineType::Standard, DefinitionFormat::Json));
    assert_eq!(
        flow.definition.text,
        r#"{"Resource": "arn:aws:lambda:us-east-1:123456789012:function:Charge", "Mail": "arn:aws:lambda:us-east-1:123456789012:function:baton-mail", "Max": 3, "Text": "${Unknown}"}"#
    );
    assert_eq!((inline.name.as_str(), inline.machine_type), ("inline-flow", MachineType::Express));
    assert_eq!(flow.logging, None);
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:flows:*";
    let destinations = serde_json::json!([{ "cloudWatchLogsLogGroup": { "logGroupArn": group } }]);
    let logging = serde_json::json!({ "level": "ALL", "includeExecutionData": true, "destinations": destinations });
    assert_eq!(inline.logging, Some(logging));
    assert_eq!(inline.arn, "arn:aws:states:us-east-1:123456789012:stateMachine:inline-flow");
    let state = &serde_json::from_str::<serde_json::Value>(&inline.definition.text).expect("JSON")["States"]["A"];
    assert_eq!(state["Resource"], "arn:aws:lambda:us-east-1:123456789012:function:Charge");
    assert_eq!(state["Parameters"], serde_json::json!({"other": "arn:aws:states:us-east-1:123456789012:stateMachine:Flow", "n": 2}));
}

#[test]
fn mistakes_name_the_line_and_the_next_step() {
    let function = |properties: &str| format!("Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n{properties}");
    let machine = |properties: &str| format!("Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n{properties}");
    for (text, expected) in [
        (function("      Handler: a.b\n"), "DIR/template.yaml:2: F: no Runtime\n  next step: add Runtime"),
        (function("      Runtime: python3.11\n"), "DIR/template.yaml:5: F: runtime python3.11 needs a handler"),
        (function("      Runtime: python3.11\n      Handler: a.b\n      CodeUri: absent\n"), "DIR/template.yaml:7: F: there is no folder DIR/absent"),
        (function("      Runtime: python3.11\n      Handler: a.b\n      CodeUri: s3://b/k\n"), "DIR/template.yaml:7: F: the code is in S3"),
        (function("      Runtime: python3.11\n      Handler: a.b\n      Timeout: soon\n"), "DIR/template.yaml:7: F: Timeout is out of bounds"),
        (function("      InlineCode: |\n        x\n"), "DIR/template.yaml:5: F: InlineCode is not run"),
        (function("      FunctionName: !Ref F\n"), "DIR/template.yaml:5: this value refers to itself"),
        (function("      FunctionName: !Ref Nothing\n"), "DIR/template.yaml:5: there is no resource or parameter Nothing\n  next step: the template's resources are F"),
        (function("      FunctionName: !If [a, b, c]\n"), "DIR/template.yaml:5: Fn::If is not resolved here"),
        (function("      FunctionName: !GetAtt F\n"), "DIR/template.yaml:5: GetAtt needs a resource and an attribute"),
        (machine("      Name: x\n"), "DIR/template.yaml:2: M has no definition"),
        (machine("      DefinitionUri: absent.json\n"), "DIR/template.yaml:5: DIR/absent.json cannot be read"),
        (machine("      Type: FAST\n"), "DIR/template.yaml:5: Type FAST is not known"),
        ("Resources:\n  F: [\n".to_owned(), "DIR/template.yaml:"),
        ("Parameters:\n  P: { Type: String }\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: { FunctionName: !Ref P }\n".to_owned(), "DIR/template.yaml:2: parameter P has no Default"),
    ] {
        let error = parse(&text).expect_err(&text);
        assert!(error.starts_with(expected), "{text}\n got {error}\nwant {expected}");
    }
}

#[test]
fn sub_knows_variables_literals_and_attributes() {
    let text = r#"
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: a.b
      Environment:
        Variables:
          A: !Sub ["${X}-${AWS::Region}", { X: !Ref F }]
          B: !Sub "${F.Arn}/${!Literal}"
          C: { "Fn::Join": ["-", [a, !Ref F, 3]] }
"#;
    let template = parse(text).expect("a template");
    let environment = &template.functions[0].environment;
    assert_eq!(environment["A"], "F-us-east-1");
    assert_eq!(environment["B"], "arn:aws:lambda:us-east-1:123456789012:function:F/${Literal}");
    assert_eq!(environment["C"], "a-F-3");
}
