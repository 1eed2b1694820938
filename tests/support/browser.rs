//! A real browser without a window, told what to do as a person would, and asked what it shows.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver, WebElement,
};
use tokio::runtime::{Builder, Runtime};

use crate::support::wait::PATIENCE;

/// Nothing of the browser's own must reach out or be remembered.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Small shared memory, as containers have it, is not used.
    "--disable-dev-shm-usage",
];

/// Resolves as soon as an expression over the document is something, by its changes and not by the clock. An
/// expression that throws is not there yet. The page forbids `eval`, so the expression stands in the script itself.
fn until_script(expression: &str) -> String {
    format!(
        "const found = arguments[0];
        const value = () => {{ try {{ return {expression}; }} catch {{ return null; }} }};
        const look = () => {{
            const now = value();
            if (!now) return;
            observer.disconnect();
            found(now);
        }};
        const observer = new MutationObserver(look);
        observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
        look();"
    )
}

pub struct Browser {
    runtime: Runtime,
    driver: Option<WebDriver>,
    process: Child,
    /// It must be able to speak as long as it lives.
    _said: BufReader<ChildStdout>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with an empty profile.
    pub fn start() -> Browser {
        let profile = tempfile::tempdir().expect("a directory");
        let (process, said, port) = start_driver();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut wishes = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wishes.add_arg(argument).expect("an argument");
        }
        wishes.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("an argument");
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a level");
        let driver = runtime
            .block_on(WebDriver::new(format!("http://127.0.0.1:{port}"), wishes))
            .expect("the browser starts");
        runtime.block_on(driver.set_script_timeout(PATIENCE)).expect("a limit");
        let browser = Browser { runtime, driver: Some(driver), process, _said: said, _profile: profile };
        browser.window(1280, 900, Scheme::Light);
        browser
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("it runs")
    }

    pub fn open(&self, url: &str) {
        // An address that differs only behind its # would not load anything.
        self.runtime.block_on(self.driver().goto("about:blank")).expect("an empty page");
        self.runtime.block_on(self.driver().goto(url)).expect("the page loads");
    }

    /// Follows a link of the page's own.
    pub fn visit(&self, hash: &str) {
        self.run(&format!("location.hash = {}", json!(hash)));
    }

    /// How large the window is, and which colours its owner likes.
    pub fn window(&self, width: u32, height: u32, scheme: Scheme) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", media);
    }

    fn devtools(&self, command: &str, parameters: Value) {
        let told = self.runtime.block_on(self.driver().cdp().send_raw(command, parameters));
        told.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Waits until the expression is something, and gives that.
    #[track_caller]
    pub fn until(&self, what: &str, expression: &str) -> Value {
        let found = self.runtime.block_on(self.driver().execute_async(until_script(expression), Vec::new()));
        match found {
            Ok(found) => found.json().clone(),
            Err(error) => panic!("{what}: {error}\nthe page:\n{}", self.text()),
        }
    }

    /// Waits until something that the selector names is there.
    #[track_caller]
    pub fn shows(&self, selector: &str) {
        self.until(selector, &format!("document.querySelector({}) !== null", json!(selector)));
    }

    /// What the script gives back.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        let done = self.runtime.block_on(self.driver().execute(script, Vec::new()));
        done.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.runtime
            .block_on(element.click())
            .unwrap_or_else(|error| panic!("a click on {selector}: {error}"));
    }

    #[track_caller]
    pub fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.runtime
            .block_on(element.send_keys(text))
            .unwrap_or_else(|error| panic!("writing into {selector}: {error}"));
    }

    #[track_caller]
    fn find(&self, selector: &str) -> WebElement {
        self.shows(selector);
        let found = self.runtime.block_on(self.driver().find(By::Css(selector)));
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// All that can be read on the page.
    pub fn text(&self) -> String {
        let said = self.runtime.block_on(self.driver().execute("return document.body.innerText", Vec::new()));
        said.ok().and_then(|said| said.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What it complained about since the last time: errors and warnings of scripts, refused policies, failed
    /// requests.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.runtime.block_on(self.driver().browser_log()).expect("its log");
        let bad = log.into_iter().filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"));
        bad.map(|entry| entry.message).collect()
    }

    /// A picture of what the window shows.
    pub fn picture(&self, to: &Path) {
        let png = self.runtime.block_on(self.driver().screenshot_as_png()).expect("a picture");
        fs::write(to, png).expect("a picture on disk");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            // Ends the browser's processes; where that fails they end with the driver.
            let _ = self.runtime.block_on(driver.quit());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Which colours the person in front of it has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// The program that speaks to the browser, and the port that it has chosen.
fn start_driver() -> (Child, BufReader<ChildStdout>, u16) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().expect("chromedriver is installed; tests/run installs it");
    let mut said = BufReader::new(process.stdout.take().expect("its output"));
    let port = said.by_ref().lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    (process, said, port.expect("chromedriver names its port"))
}
