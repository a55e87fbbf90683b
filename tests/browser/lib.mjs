// What every browser test needs: the program, the demo, a real browser, and a guard that notes whatever a page may
// never do: write an error to the console, violate the content policy, or ask another origin for anything.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const screenshots = path.join(root, "target/screenshots");

/** The built program: what the environment names, else the newest usual place. */
export function binary() {
  const places = [process.env.ONDUTY_BIN, path.join(root, "target/release/onduty"), path.join(root, "target/debug/onduty")];
  const found = places.find((place) => place && fs.existsSync(place));
  assert(found, "no onduty to test: run `cargo build --release` first, or name one in ONDUTY_BIN");
  return path.resolve(found);
}

const started = new Set();
process.on("exit", () => { for (const child of started) child.kill("SIGKILL"); });

/** Runs the program until a line matches `ready`; answers the match and a way to stop. */
async function start(args, ready, options = {}) {
  const child = spawn(binary(), args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  started.add(child);
  let said = "";
  const match = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`onduty ${args.join(" ")} did not come up in 60 s:\n${said}`)), 60_000);
    const hear = (chunk) => {
      said += chunk;
      const found = said.match(ready);
      if (found) { clearTimeout(late); resolve(found); }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => { clearTimeout(late); reject(new Error(`onduty ${args.join(" ")} ended with ${code}:\n${said}`)); });
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await gone;
    clearTimeout(hard);
    started.delete(child);
  };
  return { match, child, stop, said: () => said };
}

/** The demo, standing still at `at`: { link, url, folder, child, stop }. */
export async function demo({ at = "13:40", seed = 7, rate = 0 } = {}) {
  const args = ["demo", "--port", "0", "--rate", `${rate}`, "--at", at, "--seed", `${seed}`, "--no-browser"];
  const run = await start(args, /open\s+(http:\/\/\S+\/welcome\/\S+)[\s\S]*files\s+(\S+)/);
  const [, link, folder] = run.match;
  return { ...run, link, url: new URL(link).origin, folder };
}

/** `onduty serve` on files that `onduty init` proposes for a small repository: a first run with nothing connected. */
export async function firstRun() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "onduty-first-"));
  const git = (...args) => {
    const who = ["-c", "user.name=Lena Vogt", "-c", "user.email=lena@acme.example", "-c", "init.defaultBranch=main"];
    const done = spawnSync("git", ["-C", folder, ...who, ...args], { encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
  };
  git("init", "--quiet");
  fs.writeFileSync(path.join(folder, "README.md"), "A repository.\n");
  git("add", ".");
  git("commit", "--quiet", "-m", "Begin");
  const init = spawnSync(binary(), ["init", "--repo", folder], { cwd: folder, encoding: "utf8" });
  assert.equal(init.status, 0, init.stdout + init.stderr);
  const config = path.join(folder, "onduty.yml");
  fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/^(\s*listen:).*$/m, "$1 127.0.0.1:0"));
  const env = { ...process.env, ONDUTY_SIGNALS_SECRET: "the secret of the tests" };
  const run = await start(["serve", "--config", config], /(http:\/\/\S+\/welcome\/\S+)/, { cwd: folder, env });
  const stop = async () => { await run.stop(); fs.rmSync(folder, { recursive: true, force: true }); };
  return { ...run, link: run.match[1], url: new URL(run.match[1]).origin, folder, stop };
}

/** Draws the gallery: every page on every kind of day, as files. Answers its folder. */
export function gallery() {
  const folder = path.join(root, "target/gallery");
  fs.rmSync(folder, { recursive: true, force: true });
  const drawn = spawnSync("cargo", ["run", "--quiet", "-p", "onduty", "--example", "gallery", "--", folder], { cwd: root, encoding: "utf8" });
  assert.equal(drawn.status, 0, drawn.stderr);
  return folder;
}

/** A real browser that talks to this machine alone. */
export const launch = () => chromium.launch({
  executablePath: process.env.ONDUTY_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--disable-breakpad",
    "--disable-default-apps", "--metrics-recording-only", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});

/** A context whose pages are watched; `trouble` has what they did and may not. */
export async function watched(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  const trouble = [];
  context.expected = [];
  const note = (what) => { if (!context.expected.some((pattern) => pattern.test(what))) trouble.push(what); };
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`console: ${message.text()} at ${message.location().url}`);
  });
  context.on("weberror", (error) => note(`script: ${error.error().stack}`));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) note(`request to another origin: ${url}`);
  });
  context.setDefaultTimeout(15_000);
  context.trouble = trouble;
  return context;
}

/** Nothing that the pages of `context` did is forbidden. */
export const calm = (context) => assert.deepEqual(context.trouble, []);

/** Opens a sign-in link and comes in; with `at`, waits until the demo has played its morning. */
export async function comeIn(page, link, at) {
  await page.goto(link);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.locator("#steps").waitFor();
  if (at) await until(page, page.locator("#demo time", { hasText: at }), `the demo gets to ${at}`, 100);
}

/** Waits until `locator` is there; without script by loading the page again. */
export async function until(page, locator, what, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; !(await locator.count()); ) {
    assert(Date.now() < end, `not within ${seconds} s: ${what}`);
    await page.waitForTimeout(150);
    if (page.context().withoutScript) await page.reload();
  }
}

/** The demo's clock as the page shows it. */
export const clock = (page) => page.locator("#demo time").textContent();

/** Presses a button of the demo bar, `next event` or a time; its answer comes when duty time has arrived there. */
export async function jump(page, to) {
  const time = page.locator("#demo time");
  const before = await time.getAttribute("datetime");
  const answered = page.waitForResponse((response) => response.url().endsWith("/demo/clock"), { timeout: 30_000 });
  await page.locator("#demo").getByRole("button", { name: to, exact: true }).click();
  await answered;
  await page.waitForFunction((was) => document.querySelector("#demo time").dateTime !== was, before)
    .catch((error) => { if (!page.context().withoutScript) throw error; });
  // A build without optimisation needs longer for hours of a day than the answer waits.
  if (/^\d/.test(to)) await until(page, time.filter({ hasText: to }), `it is ${to}`);
}

/** Jumps from event to event until `locator` is there. */
export async function jumpUntil(page, locator, what) {
  for (let left = 40; left > 0; left -= 1) {
    if (await locator.count()) return;
    await jump(page, "next event");
    // What a pass found is drawn within a second.
    await locator.first().waitFor({ state: "attached", timeout: 1_000 }).catch(() => {});
    if (page.context().withoutScript) await page.reload();
  }
  assert.fail(`${what} did not happen in 40 events; it is ${await clock(page)}`);
}

/** A picture for people to look at. */
export async function picture(page, name, options = {}) {
  fs.mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), ...options });
}
