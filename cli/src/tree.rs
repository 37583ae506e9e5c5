//! The states of an execution as a tree that grows, folded from the history that AWS shows.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::Value;

use crate::map_progress::MapProgress;
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
    roots: Vec<usize>,
    /// Node of each history event, so that an event finds the node of the one before it.
    node_of_event: BTreeMap<u64, usize>,
    waiting: BTreeMap<String, String>,
    now: i64,
}

/// One visit of a state, or one iteration of a Map.
struct Node {
    /// Of the state; for an iteration, of its Map.
    name: String,
    what: What,
    /// What it stands in.
    parent: Option<usize>,
    children: Vec<usize>,
    entered: i64,
    left: Option<i64>,
    attempts: u32,
    mark: Mark,
    note: String,
    /// Of a Distributed Map.
    map_run: Option<Box<MapProgress>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// A state of this type, in small letters.
    State(String),
    /// The iteration of this index.
    Iteration(u64),
}

impl Node {
    fn is_state(&self, of_type: &str) -> bool {
        matches!(&self.what, What::State(what) if what == of_type)
    }

    fn label(&self) -> String {
        match &self.what {
            What::State(what) => format!("{} {what}", self.name),
            What::Iteration(index) => format!("{} [{index}]", self.name),
        }
    }

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
            roots: Vec::new(),
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

    /// Folds an event in whose predecessor belongs to `previous`; answers the node that it belongs to itself, if that is another.
    fn fold(&mut self, kind: &str, details: &Value, at: i64, previous: Option<usize>) -> Option<usize> {
        match kind {
            "ExecutionStarted" => self.started = at,
            "MapIterationStarted" => {
                let map = self.around(previous, |node| node.is_state("map") && node.name == text(details, "name"));
                self.reopen(map);
                return Some(self.open(text(details, "name"), What::Iteration(index(details)), map, at));
            }
            // Its states open again with their next events.
            "ExecutionRedriven" => {
                self.ended = None;
                self.is_redriven = true;
            }
            "MapRunStarted" => self.map_run_started(previous, text(details, "mapRunArn")),
            "MapRunRedriven" => {
                self.reopen(previous);
                let node = previous.and_then(|node| self.nodes.get_mut(node));
                node.and_then(|node| node.map_run.as_mut()).into_iter().for_each(|run| run.reopen());
            }
            "MapStateFailed" => self.abort_inside(previous, "map", at),
            "ParallelStateFailed" => self.abort_inside(previous, "parallel", at),
            _ if kind.ends_with("StateEntered") => {
                let parent = self.parent_of_next(previous);
                self.reopen(parent);
                let what = What::State(kind.trim_end_matches("StateEntered").to_lowercase());
                return Some(self.open(text(details, "name"), what, parent, at));
            }
            _ if kind.ends_with("StateExited") => {
                let state = |node: &Node| matches!(node.what, What::State(_)) && node.name == text(details, "name");
                let node = self.around(previous, state);
                self.reopen(node);
                return self.close(node, at, Mark::Done);
            }
            _ if kind.starts_with("MapIteration") => {
                let node = self.iteration(previous, details);
                return self.close(node, at, mark(kind));
            }
            _ if kind.starts_with("Execution") => self.end(kind, details, at),
            _ if kind.ends_with("Scheduled") => {
                self.reopen(previous);
                self.scheduled(previous);
            }
            _ if kind.ends_with("Failed") || kind.ends_with("TimedOut") => self.failed(previous, details),
            // These say neither which state they speak of nor come from it; the end of what it stands in tells.
            _ if kind.ends_with("StateAborted") => {}
            _ => {}
        }
        None
    }

    fn open(&mut self, name: &str, what: What, parent: Option<usize>, at: i64) -> usize {
        let node = self.nodes.len();
        let (name, children, note) = (name.to_owned(), Vec::new(), String::new());
        self.nodes.push(Node { name, what, parent, children, entered: at, left: None, attempts: 0, mark: Mark::Open, note, map_run: None });
        match parent {
            Some(parent) => self.nodes[parent].children.push(node),
            None => self.roots.push(node),
        }
        node
    }

    /// The node itself or the nearest one around it of which `is` holds.
    fn around(&self, node: Option<usize>, is: impl Fn(&Node) -> bool) -> Option<usize> {
        std::iter::successors(node, |node| self.nodes[*node].parent).find(|node| is(&self.nodes[*node]))
    }

    /// A state entered after a closed one is its sibling; one entered from inside an open one is its child.
    fn parent_of_next(&self, previous: Option<usize>) -> Option<usize> {
        previous.and_then(|node| if self.nodes[node].mark == Mark::Open { Some(node) } else { self.nodes[node].parent })
    }

    /// The event of an iteration may come from another one, whose failure ends it: both stand in the same Map.
    fn iteration(&self, previous: Option<usize>, details: &Value) -> Option<usize> {
        let map = self.around(previous, |node| node.is_state("map") && node.name == text(details, "name"))?;
        let is = |node: &&usize| self.nodes[**node].what == What::Iteration(index(details));
        self.nodes[map].children.iter().rev().find(is).copied()
    }

    /// What is still open inside ends with it.
    fn abort_inside(&mut self, previous: Option<usize>, of_type: &str, at: i64) {
        let Some(failed) = self.around(previous, |node| node.is_state(of_type) && node.mark == Mark::Open) else { return };
        for child in self.nodes[failed].children.clone() {
            self.abort(child, at);
        }
    }

    fn abort(&mut self, node: usize, at: i64) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let node = &mut self.nodes[node];
            open.extend(&node.children);
            if node.mark == Mark::Open {
                node.mark = if node.note.is_empty() { Mark::Aborted } else { Mark::Failed };
                node.left = Some(at);
            }
        }
    }

    fn close(&mut self, node: Option<usize>, at: i64, mark: Mark) -> Option<usize> {
        let index = node?;
        let node = &mut self.nodes[index];
        node.left = Some(at);
        node.mark = mark;
        for child in node.children.clone() {
            self.abort(child, at);
        }
        Some(index)
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
        let mut next = node.filter(|_| self.is_redriven);
        while let Some(node) = next {
            self.nodes[node].reopen();
            next = self.nodes[node].parent;
        }
    }

    fn map_run_started(&mut self, node: Option<usize>, arn: &str) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.map_run = Some(Box::new(MapProgress::new(arn)));
        }
    }

    /// Map Runs of which the end has not been seen.
    pub(crate) fn open_map_runs(&self) -> Vec<String> {
        let runs = self.nodes.iter().filter_map(|node| node.map_run.as_deref());
        runs.filter(|run| !run.has_ended()).map(|run| run.arn().to_owned()).collect()
    }

    /// Takes an answer of DescribeMapRun.
    pub(crate) fn set_map_run(&mut self, run: &Value) {
        self.now = jiff::Timestamp::now().as_millisecond();
        let is_this = |known: &&mut Box<MapProgress>| known.arn() == text(run, "mapRunArn");
        let known = self.nodes.iter_mut().filter_map(|node| node.map_run.as_mut()).find(is_this);
        known.into_iter().for_each(|known| known.update(run, self.now));
    }

    /// A line for each Map Run that has not ended: its state, and how far it is.
    pub(crate) fn map_run_lines(&self) -> Vec<String> {
        let runs = self.nodes.iter().filter_map(|node| Some((&node.name, node.map_run.as_deref()?)));
        let open = runs.filter(|(_, run)| !run.has_ended()).map(|(name, run)| (name, run.line()));
        open.filter(|(_, line)| !line.is_empty()).map(|(name, line)| format!("{name}: {line}")).collect()
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

    /// Takes the server's reasons why open states wait.
    pub(crate) fn set_waiting(&mut self, answer: &Value) {
        let waiting = answer["waiting"].as_array().into_iter().flatten();
        self.waiting = waiting.map(|waiting| (text(waiting, "state").to_owned(), text(waiting, "reason").to_owned())).collect();
        self.now = jiff::Timestamp::now().as_millisecond();
    }

    /// The lines of the tree, coloured.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.title.bold().to_string()];
        let rows = self.rows();
        let hidden = rows.len().saturating_sub(ROWS_MAX);
        if hidden > 0 {
            lines.push(format!("  … {hidden} earlier").dimmed().to_string());
        }
        lines.extend(rows[hidden..].iter().map(|(node, depth)| self.line(&self.nodes[*node], *depth)));
        if let Some((at, ended)) = &self.ended {
            lines.push(format!("{ended} after {}", duration(at - self.started)));
        }
        lines
    }

    /// Every node with its depth, each before what stands in it.
    fn rows(&self) -> Vec<(usize, usize)> {
        let mut rows = Vec::with_capacity(self.nodes.len());
        let mut open: Vec<_> = self.roots.iter().rev().map(|root| (*root, 0)).collect();
        while let Some((node, depth)) = open.pop() {
            rows.push((node, depth));
            open.extend(self.nodes[node].children.iter().rev().map(|child| (*child, depth + 1)));
        }
        rows
    }

    fn line(&self, node: &Node, depth: usize) -> String {
        let sign = match node.mark {
            Mark::Open => "●".yellow().to_string(),
            Mark::Done => "✓".green().to_string(),
            Mark::Failed => "✗".red().to_string(),
            Mark::Aborted => "–".dimmed().to_string(),
        };
        let took = duration(node.left.unwrap_or(self.now.max(node.entered)) - node.entered);
        let mut line = format!("{:indent$}{sign} {}  {}", "", node.label(), took.dimmed(), indent = 2 + depth * 2);
        if node.attempts > 1 {
            line += &format!("  attempt {}", node.attempts).yellow().to_string();
        }
        if let Some(progress) = node.map_run.as_ref().map(|run| run.line()).filter(|line| !line.is_empty()) {
            line += &format!("  {progress}");
        }
        if !node.note.is_empty() {
            line += &format!("  {}", node.note).red().to_string();
        }
        if node.mark == Mark::Open
            && matches!(node.what, What::State(_))
            && node.map_run.is_none()
            && let Some(reason) = self.waiting.get(&node.name)
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

fn index(details: &Value) -> u64 {
    details["index"].as_u64().unwrap_or_default()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

/// The head of a text; of a Lambda error document, its message.
pub(crate) fn shortened(text: &str) -> String {
    let document: Option<Value> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    let message = document.as_ref().and_then(|document| document["errorMessage"].as_str());
    head_of(message.unwrap_or(text), 80)
}

/// So many characters of a text, on one line.
pub(crate) fn head_of(text: &str, len: usize) -> String {
    let head: String = text.chars().take(len).map(|c| if c == '\n' { ' ' } else { c }).collect();
    if head.len() < text.len() { format!("{head}…") } else { head }
}
