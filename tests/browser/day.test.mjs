// The seed's day in a real browser, played on the demo: what the engineer on duty sees and does from 13:40 until the
// day's work is with customers, while a colleague and the wall screen follow live.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { calm, clock, comeIn, demo, jump, jumpUntil, launch, picture, watched } from "./lib.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const step = (page, id) => page.locator(`#step-${id}`);
const item = (page, title) => page.locator(".item", { hasText: title });

/** Marks the document, so that a load in between would be seen. */
const mark = (page) => page.evaluate(() => { globalThis.neverLoadedAgain = true; });
const stillMarked = async (page, who) =>
  assert.equal(await page.evaluate(() => globalThis.neverLoadedAgain), true, `${who} was loaded again`);

/** Writes what was found out about an item, where it stands on Today. */
async function conclude(page, title, text) {
  const row = item(page, title);
  await row.locator("summary", { hasText: "More" }).click();
  await row.getByLabel("What did you find out?").fill(text);
  await row.getByRole("button", { name: "Conclude" }).click();
}

/** A fresh browser of somebody who got a sign-in link. */
async function colleague(lena, run, name) {
  await lena.goto(`${run.url}/team`);
  await lena.getByLabel("For whom?").selectOption({ label: name });
  await lena.getByRole("button", { name: "Make a link" }).click();
  const link = await lena.locator(".once .address").textContent();
  const context = await watched(browser, run.url);
  const page = await context.newPage();
  await comeIn(page, link);
  return { context, page };
}

test("the whole day, by mouse, with a colleague and the wall watching", { timeout: 240_000 }, async (t) => {
  const run = await demo();
  t.after(run.stop);
  const context = await watched(browser, run.url);
  const lena = await context.newPage();
  let wall, wallContext, omar;

  await t.test("comes in by the link, once", async () => {
    await comeIn(lena, run.link, "13:40");
    assert.match(await lena.locator("#on-duty").textContent(), /You are on duty · until 19:00\s*next Omar/);
    assert.match(await lena.locator("#summary h1").textContent(), /5 things need you/);
    context.expected.push(/404/);
    const again = await lena.request.get(run.link);
    assert.equal(again.status(), 404);
    await picture(lena, "today-1340", { fullPage: true });
  });

  await t.test("puts a screen on the wall, and lets Omar in", async () => {
    await lena.goto(`${run.url}/team`);
    await lena.getByLabel("Where does it hang?").fill("Room Berlin");
    await lena.getByRole("button", { name: "Add a screen" }).click();
    const address = await lena.locator(".once .address").textContent();
    wallContext = await watched(browser, run.url, { viewport: { width: 1920, height: 1080 } });
    wall = await wallContext.newPage();
    await wall.goto(address);
    await mark(wall);
    assert.match(await wall.locator("#wall-now").textContent(), /Lena Vogt\s*is on duty until 19:00/);
    assert.match(await wall.locator(".tile", { hasText: "Keep main green" }).getAttribute("class"), /fine/);
    // Nothing of what an engineer may do hangs on the wall.
    assert.equal(await wall.locator("form, button, a").count(), 0);
    omar = await colleague(lena, run, "Omar Haddad");
    await mark(omar.page);
    assert.match(await omar.page.locator("#on-duty").textContent(), /Lena is on duty/);
    await lena.goto(run.url);
    await mark(lena);
  });

  await t.test("main turns red: who, since when and who can help", async () => {
    await jump(lena, "next event");
    const red = item(lena, "unit tests failed on main");
    await red.waitFor();
    assert.equal(await clock(lena), "13:52");
    await red.getByText(/Could help: Lucía Fernández Ibáñez \(one of 3 commits since green; here\) and 2 more/).waitFor();
    assert.match(await red.textContent(), /Red since 13:52/);
    const reasons = await lena.locator("#gate .blockers li").allTextContents();
    assert.deepEqual(reasons.map((reason) => reason.trim()), [
      "“Keep main green” has 1 open item. Opens when it is closed.",
      "“No critical error is released” has 2 open items. Opens when they are closed.",
      "It is before 16:00. Opens at 16:00 (in 2 h 8 min).",
    ]);
    await wall.locator(".tile.needs", { hasText: "Keep main green" }).getByText("unit tests failed on main").waitFor();
    await item(omar.page, "unit tests failed on main").waitFor();
    await picture(lena, "today-red", { fullPage: true });
    await picture(wall, "wall-red");
  });

  await t.test("taken, ticked, investigated; it stays until main is green", async () => {
    const red = item(lena, "unit tests failed on main");
    await red.getByRole("button", { name: "Take" }).click();
    await red.getByText("Lena Vogt drives it since 13:52").waitFor();
    await item(omar.page, "unit tests failed on main").getByText("Lena Vogt drives it").waitFor();
    await red.getByRole("link", { name: "unit tests failed on main" }).click();
    await lena.getByRole("heading", { name: "Who knows this best" }).waitFor();
    assert.match(await lena.locator(".people").textContent(), /Priya Raghunathan.*Booking spec: start in summer time/);
    const boxes = lena.locator(".checklist").getByRole("checkbox");
    assert.equal(await boxes.count(), 5);
    for (const line of [0, 1]) {
      await boxes.nth(line).click();
      await lena.locator(".checklist li.ticked").nth(line).waitFor();
    }
    await lena.getByLabel("What did you find out?").fill("The booking spec has the wrong summer time; Priya mends it.");
    await lena.getByRole("button", { name: "Conclude" }).click();
    await lena.locator("#item-head").getByText("investigated").waitFor();
    assert.match(await lena.locator("#history").textContent(), /concluded: The booking spec has the wrong summer time/);
    await picture(lena, "item", { fullPage: true });
    await lena.goto(run.url);
    await mark(lena);
    await red.getByText("Lena found: The booking spec has the wrong summer time").waitFor();
    assert.match(await lena.locator("#gate .blockers").textContent(), /“Keep main green” has 1 open item/);
  });

  await t.test("green again when the mend has arrived", async () => {
    await jumpUntil(lena, lena.locator("#step-main-green.fine"), "main is green");
    assert.equal(await lena.locator("#step-main-green .item").count(), 0);
    await wall.locator(".tile.fine", { hasText: "Keep main green" }).waitFor();
  });

  await t.test("a staging error is taken, investigated and concluded", async () => {
    const error = item(lena, "ActiveRecord::RecordInvalid");
    await error.getByRole("button", { name: "Take" }).click();
    await error.getByText("Lena Vogt drives it").waitFor();
    await conclude(lena, "ActiveRecord::RecordInvalid", "Only staging's test vouchers have it; harmless.");
    await error.waitFor({ state: "detached" });
    await step(lena, "staging-errors").getByText("1 looked at today").waitFor();
  });

  await t.test("a production error finds an owner, and the tracker knows", async () => {
    const error = item(lena, "NoMethodError");
    await error.getByRole("link", { name: "NoMethodError" }).click();
    const people = lena.locator(".people");
    assert.match(await people.textContent(), /Mateus Conceição\s*\d+\s% likely · away today/);
    assert.match(await people.textContent(), /Knows .*format.rb.*: \d+ of its \d+ commits?/);
    const tracker = await lena.getByRole("link", { name: "Open in the tracker" }).getAttribute("href");
    assert.match(await (await fetch(tracker)).text(), /assigned to<\/th><td>nobody/);
    // Who is away is shown as such, and the first who is here is proposed.
    await lena.getByRole("button", { name: "Accept Chiara" }).click();
    await lena.locator("#item-outcome").getByText(/Closed 14:\d\d: assigned to .* at the source/).waitFor();
    await lena.locator("#history").getByText("the tracker knows that Chiara Esposito owns this").waitFor();
    assert.match(await (await fetch(tracker)).text(), /assigned to<\/th><td>[^<]*chiara/i);
    await lena.goto(run.url);
    await mark(lena);
    assert.equal(await error.count(), 0);
  });

  await t.test("Omar asks, Lena answers, and both see it without loading a page", async () => {
    await omar.page.getByLabel("Ask the one on duty").fill("Can you look at the log rotation with us?");
    await omar.page.getByRole("button", { name: "Ask", exact: true }).click();
    const question = item(lena, "Can you look at the log rotation with us?");
    await question.getByText("Omar Haddad asked").waitFor();
    await conclude(lena, "Can you look at the log rotation with us?", "Yes, at half past three.");
    await question.waitFor({ state: "detached" });
    await item(omar.page, "Can you look at the log rotation").waitFor({ state: "detached" });
    await stillMarked(omar.page, "Omar's page");
    await stillMarked(lena, "Lena's page");
  });

  await t.test("15:59: the button is not there, and says why", async () => {
    await jump(lena, "15:59");
    const reasons = lena.locator("#gate .blockers li");
    await reasons.getByText("Opens at 16:00 (in 1 min).").waitFor();
    assert.deepEqual((await reasons.allTextContents()).map((reason) => reason.trim()), [
      "“No critical error is released” has 1 open item. Opens when it is closed.",
      "It is before 16:00. Opens at 16:00 (in 1 min).",
    ]);
    assert.equal(await lena.locator("button.go").count(), 0);
    await picture(lena, "gate-closed", { fullPage: true });
    // Who presses all the same hears the same reasons.
    context.expected.push(/409/);
    const answer = await lena.evaluate(async () => {
      const csrf = document.querySelector("[name=csrf]").value;
      const revision = document.querySelector("#gate .rev").title;
      const form = { csrf, environment: "production", revision, diff_hash: "x", confirm: revision };
      const answer = await fetch("/duty/developers/rollout", { method: "POST", body: new URLSearchParams(form) });
      return [answer.status, await answer.text()];
    });
    assert.equal(answer[0], 409);
    assert.match(answer[1], /it is before 16:00/i);
    await conclude(lena, "Timeout in booking#create", "Sam mended it in the pool of staging.");
    await item(lena, "Timeout in booking#create").waitFor({ state: "detached" });
    assert.equal(await reasons.count(), 1);
  });

  await t.test("16:00: open; a short press does nothing, a held one rolls out, once", async () => {
    await jump(lena, "16:00");
    const button = lena.locator("button.go");
    await button.waitFor();
    assert.match(await lena.locator(".candidate-out").textContent(), /Goes out\s+\w{7}: \d+ commits by \d+ people since \w{7}/);
    await picture(lena, "gate-open", { fullPage: true });
    await wall.locator(".tile", { hasText: "Give customers more happiness" }).getByText("open").first().waitFor();
    await button.hover();
    await lena.mouse.down();
    await lena.waitForTimeout(300);
    await lena.mouse.up();
    await lena.waitForTimeout(1_200);
    assert.equal(await lena.locator(".output").count(), 0);
    await button.hover();
    await lena.mouse.down();
    const output = lena.locator("#gate .output");
    await output.waitFor();
    await lena.mouse.up();
    const lines = async () => (await output.textContent()).trim().split("\n").length;
    await lena.waitForFunction(() => document.querySelector("#gate .output")?.textContent.trim());
    const early = await lines();
    await picture(lena, "rollout-running", { fullPage: true });
    await lena.waitForFunction((early) => document.querySelector("#gate .output")?.textContent.trim().split("\n").length > early, early);
    // A colleague who comes by sees it run.
    await omar.page.locator("#gate .output").waitFor();
    await wall.locator("#wall-foot").getByText(/running|asked for/).waitFor();
    await step(lena, "rollout").getByText("went out", { exact: true }).waitFor({ timeout: 30_000 });
    await stillMarked(lena, "Lena's page");
    await wall.locator("#wall-foot").getByText("arrived").first().waitFor();
    await picture(lena, "rolled-out", { fullPage: true });
    await picture(wall, "wall-rolled-out");
    const rollouts = await (await lena.request.get(`${run.url}/api/v1/duties/developers/rollouts`)).json();
    assert.equal(rollouts.filter((rollout) => rollout.pressed).length, 1);
    await lena.goto(`${run.url}/rollout`);
    assert.equal(await lena.locator("#rollouts tr", { hasText: "Lena Vogt" }).count(), 1);
    await lena.getByRole("link", { name: "output" }).click();
    assert.match(await lena.locator(".older-output .output").textContent(), /\n.*\n/);
    await picture(lena, "rollout", { fullPage: true });
  });

  await t.test("all of it is in the log book", async () => {
    await lena.goto(`${run.url}/log`);
    const text = await lena.locator("#log-entries").innerText();
    for (const line of [
      /Lena Vogt is on duty/,
      /Keep main green: unit tests failed on main/,
      /knows this best: Lucía Fernández Ibáñez, then Priya Raghunathan and Sam Okafor/,
      /took this/,
      /did: Rerun the failed job once/,
      /concluded: The booking spec has the wrong summer time/,
      /Keep main green: closed, its condition no longer holds/,
      /concluded: Only staging's test vouchers have it; harmless\./,
      /Chiara Esposito owns the cause, as suggested/,
      /the tracker knows that Chiara Esposito owns this/,
      /asked: Can you look at the log rotation with us\?/,
      /concluded: Yes, at half past three\./,
      /the gate opened/,
      /pressed the button: \w{7} to production/,
      /the rollout of \w{7} to production arrived/,
    ]) assert.match(text, line);
    assert.equal(text.match(/pressed the button/g).length, 1);
    await picture(lena, "log", { fullPage: true });

    const permalink = await lena.locator("tr", { hasText: "pressed the button" }).locator(".when a").getAttribute("href");
    await lena.goto(run.url + permalink);
    assert.match(await lena.locator("tr:target").textContent(), /Lena Vogt.*pressed the button/);

    await lena.getByPlaceholder("Search all days…").pressSequentially("vouchers harmless");
    await lena.locator("#log-entries h1", { hasText: "1 entry" }).waitFor();
    assert.match(await lena.locator("#log-entries").textContent(), /Only staging's test vouchers/);
    assert.match(lena.url(), /q=vouchers/);

    await lena.goto(`${run.url}/log`);
    const [download] = await Promise.all([lena.waitForEvent("download"), lena.getByRole("link", { name: "Markdown" }).click()]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    const markdown = Buffer.concat(chunks).toString();
    assert.match(markdown, /^# Log book of Developers, Monday 2 March 2026\n\nOn duty: Lena Vogt\. Times in Europe\/Berlin\./);
    assert.match(markdown, /- \*\*16:00\*\* Lena Vogt: pressed the button/);
  });

  await t.test("the wall followed all day; revoked, it says that it knows nothing", async () => {
    await stillMarked(wall, "the wall screen");
    calm(wallContext);
    wallContext.expected.push(/40[14]|ERR_|No connection/);
    await lena.goto(`${run.url}/team`);
    await lena.getByRole("row", { name: /Room Berlin/ }).getByRole("button", { name: "Revoke" }).click();
    await lena.getByText("None yet. A wall screen shows").waitFor();
    await wall.locator("#stale:not([hidden])").waitFor({ timeout: 16_000 });
    assert.match(await wall.locator("#stale").textContent(), /^No connection since 16:\d\d$/);
  });

  calm(context);
  calm(omar.context);
  calm(wallContext);
});

test("the button by typing the revision", { timeout: 180_000 }, async (t) => {
  const run = await demo({ at: "16:00" });
  t.after(run.stop);
  const context = await watched(browser, run.url);
  const lena = await context.newPage();
  await comeIn(lena, run.link, "16:00");
  for (const error of ["ActiveRecord::RecordInvalid", "Timeout in booking#create"]) {
    await conclude(lena, error, "Looked at; it can go out.");
    await item(lena, error).waitFor({ state: "detached" });
  }
  const field = lena.locator("#confirm");
  await field.fill("0000000");
  await field.press("Enter");
  await lena.waitForTimeout(500);
  assert.equal(await lena.locator("#gate .output").count(), 0);
  const short = await lena.locator(".roll-out label code").textContent();
  await field.fill(short);
  await lena.locator("button.go").click();
  await lena.locator("#gate .output").waitFor();
  await step(lena, "rollout").getByText("went out", { exact: true }).waitFor({ timeout: 30_000 });
  calm(context);
});
