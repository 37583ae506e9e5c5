//! The states of an execution as a tree that grows, folded from the history that AWS shows.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::Value;

use crate::output::duration;

/// Rows that a live tree shows at most; a long run shows its newest ones.
const ROWS_MAX: usize = 60;

/// An execution as a tree.
pub(crate) struct Tree {
    title: String,
    started: i64,
    ended: Option<(i64, String)>,
    /// It has gone on after an end: states that had failed may open again.
    is_redriven: bool,
    nodes: Vec<Node>,
    /// Node of each history event, so that an event finds the node of the one before it.
    node_of_event: BTreeMap<u64, usize>,
    waiting: BTreeMap<String, String>,
    now: i64,
}

/// One visit of a state, or one iteration of a Map.
struct Node {
    label: String,
    depth: usize,
    entered: i64,
    left: Option<i64>,
    attempts: u32,
    mark: Mark,
    note: String,
}

impl Node {
    /// What has not come to a good end goes on.
    fn reopen(&mut self) {
        match self.mark {
            Mark::Failed | Mark::Aborted => {
                self.mark = Mark::Open;
                self.left = None;
                self.note.clear();
            }
            Mark::Open | Mark::Done => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Done,
    Failed,
    Aborted,
}

impl Tree {
    pub(crate) fn new(arn: &str) -> Self {
        let mut parts = arn.rsplit(':');
        let name = parts.next().unwrap_or_default();
        let machine = parts.next().unwrap_or_default();
        Self {
            title: format!("{machine} {name}"),
            started: 0,
            ended: None,
            is_redriven: false,
            nodes: Vec::new(),
            node_of_event: BTreeMap::new(),
            waiting: BTreeMap::new(),
            now: 0,
        }
    }

    /// Folds one history event in.
    pub(crate) fn apply(&mut self, event: &Value) {
        let at = (event["timestamp"].as_f64().unwrap_or_default() * 1000.0) as i64;
        self.now = self.now.max(at);
        let id = event["id"].as_u64().unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or_default();
        let details = crate::commands::details(event);
        let previous = event["previousEventId"].as_u64().unwrap_or_default();
        let parent = self.node_of_event.get(&previous).copied();
        let node = self.fold(kind, details, at, parent);
        if let Some(node) = node.or(parent) {
            self.node_of_event.insert(id, node);
        }
    }

    fn fold(&mut self, kind: &str, details: &Value, at: i64, previous: Option<usize>) -> Option<usize> {
        match kind {
            "ExecutionStarted" => self.started = at,
            "MapIterationStarted" => {
                let label = format!("{} [{}]", text(details, "name"), details["index"]);
                return Some(self.open(label, self.depth_inside(previous), at));
            }
            // Its states open again with their next events.
            "ExecutionRedriven" => {
                self.ended = None;
                self.is_redriven = true;
            }
            _ if kind.ends_with("StateEntered") => {
                let label = format!("{} {}", text(details, "name"), kind.trim_end_matches("StateEntered").to_lowercase());
                self.reopen_around(previous);
                return Some(self.open(label, self.depth_of_next(previous), at));
            }
            _ if kind.ends_with("StateExited") => {
                self.reopen(previous);
                let node = self.named(text(details, "name"));
                return self.close(node, at, Mark::Done);
            }
            _ if kind.starts_with("MapIteration") => {
                let node = self.named(&format!("{} [{}]", text(details, "name"), details["index"]));
                return self.close(node, at, mark(kind));
            }
            _ if kind.starts_with("Execution") => self.end(kind, details, at),
            _ if kind.ends_with("Scheduled") => {
                self.reopen(previous);
                self.scheduled(previous);
            }
            _ if kind.ends_with("Failed") || kind.ends_with("TimedOut") => self.failed(previous, details),
            _ if kind.ends_with("StateAborted") => return self.close(previous, at, Mark::Aborted),
            _ => {}
        }
        None
    }

    fn open(&mut self, label: String, depth: usize, at: i64) -> usize {
        self.nodes.push(Node { label, depth, entered: at, left: None, attempts: 0, mark: Mark::Open, note: String::new() });
        self.nodes.len() - 1
    }

    fn close(&mut self, node: Option<usize>, at: i64, mark: Mark) -> Option<usize> {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.left = Some(at);
            node.mark = mark;
        }
        node
    }

    fn end(&mut self, kind: &str, details: &Value, at: i64) {
        let failed = kind != "ExecutionSucceeded";
        for node in self.nodes.iter_mut().filter(|node| node.mark == Mark::Open) {
            node.left = Some(at);
            node.mark = if failed { Mark::Failed } else { Mark::Done };
        }
        let error = [text(details, "error"), text(details, "cause")].into_iter().filter(|part| !part.is_empty());
        let mut ended = kind.trim_start_matches("Execution").to_lowercase();
        for part in error {
            ended = format!("{ended}: {}", shortened(part));
        }
        self.ended = Some((at, ended));
    }

    /// A redrive goes on in this state, and so in all that it stands in.
    fn reopen(&mut self, node: Option<usize>) {
        let Some(index) = node.filter(|_| self.is_redriven) else { return };
        if let Some(node) = self.nodes.get_mut(index) {
            node.reopen();
        }
        self.reopen_around(Some(index));
    }

    fn reopen_around(&mut self, node: Option<usize>) {
        let Some(index) = node.filter(|index| self.is_redriven && *index < self.nodes.len()) else { return };
        let mut depth = self.nodes[index].depth;
        for node in self.nodes[..index].iter_mut().rev() {
            if node.depth < depth {
                depth = node.depth;
                node.reopen();
            }
        }
    }

    fn scheduled(&mut self, node: Option<usize>) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.attempts += 1;
        }
    }

    fn failed(&mut self, node: Option<usize>, details: &Value) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.note = [text(details, "error"), text(details, "cause")]
                .iter()
                .filter(|part| !part.is_empty())
                .map(|part| shortened(part))
                .collect::<Vec<_>>()
                .join(": ");
        }
    }

    /// A state entered after a closed one is its sibling; one entered from inside an open one is its child.
    fn depth_of_next(&self, previous: Option<usize>) -> usize {
        previous.map_or(0, |node| {
            let node = &self.nodes[node];
            if node.mark == Mark::Open { node.depth + 1 } else { node.depth }
        })
    }

    /// An iteration is a child of its Map, whose newest node stands for it.
    fn depth_inside(&self, previous: Option<usize>) -> usize {
        let map = self.nodes.iter().rev().find(|node| node.mark == Mark::Open && node.label.ends_with(" map"));
        map.or(previous.map(|node| &self.nodes[node])).map_or(0, |node| node.depth + 1)
    }

    fn named(&self, name: &str) -> Option<usize> {
        let is = |node: &Node| {
            node.mark == Mark::Open && node.label.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        (0..self.nodes.len()).rev().find(|index| is(&self.nodes[*index]))
    }

    /// Takes the server's reasons why open states wait.
    pub(crate) fn set_waiting(&mut self, answer: &Value) {
        let waiting = answer["waiting"].as_array().into_iter().flatten();
        self.waiting = waiting.map(|waiting| (text(waiting, "state").to_owned(), text(waiting, "reason").to_owned())).collect();
        self.now = jiff::Timestamp::now().as_millisecond();
    }

    /// The lines of the tree, coloured.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.title.bold().to_string()];
        let hidden = self.nodes.len().saturating_sub(ROWS_MAX);
        if hidden > 0 {
            lines.push(format!("  … {hidden} earlier").dimmed().to_string());
        }
        lines.extend(self.nodes[hidden..].iter().map(|node| self.line(node)));
        if let Some((at, ended)) = &self.ended {
            lines.push(format!("{ended} after {}", duration(at - self.started)));
        }
        lines
    }

    fn line(&self, node: &Node) -> String {
        let sign = match node.mark {
            Mark::Open => "●".yellow().to_string(),
            Mark::Done => "✓".green().to_string(),
            Mark::Failed => "✗".red().to_string(),
            Mark::Aborted => "–".dimmed().to_string(),
        };
        let took = duration(node.left.unwrap_or(self.now.max(node.entered)) - node.entered);
        let mut line = format!("{:indent$}{sign} {}  {}", "", node.label, took.dimmed(), indent = 2 + node.depth * 2);
        if node.attempts > 1 {
            line += &format!("  attempt {}", node.attempts).yellow().to_string();
        }
        if !node.note.is_empty() {
            line += &format!("  {}", node.note).red().to_string();
        }
        if node.mark == Mark::Open
            && let Some(reason) = self.waiting.get(node.label.rsplit_once(' ').map_or(&*node.label, |(name, _)| name))
        {
            line += &format!("  {reason}").cyan().to_string();
        }
        line
    }
}

fn mark(kind: &str) -> Mark {
    match kind {
        "MapIterationFailed" => Mark::Failed,
        "MapIterationAborted" => Mark::Aborted,
        _ => Mark::Done,
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

/// The head of a text; of a Lambda error document, its message.
fn shortened(text: &str) -> String {
    let document: Option<Value> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    let message = document.as_ref().and_then(|document| document["errorMessage"].as_str());
    let text = message.unwrap_or(text);
    let head: String = text.chars().take(80).map(|c| if c == '\n' { ' ' } else { c }).collect();
    if head.len() < text.len() { format!("{head}…") } else { head }
}
