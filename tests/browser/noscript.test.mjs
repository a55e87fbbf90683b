// The seed's day in a browser that runs no script: every page, form and jump by ordinary links and answers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { calm, comeIn, demo, jump, jumpUntil, launch, picture, until, watched } from "./lib.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const item = (page, title) => page.locator(".item", { hasText: title });

async function open(page, title) {
  await item(page, title).getByRole("link", { name: title }).first().click();
  await page.getByRole("heading", { name: "Why this is here" }).waitFor();
}

async function concludeHere(page, text) {
  await page.getByLabel("What did you find out?").fill(text);
  await page.getByRole("button", { name: "Conclude" }).click();
}

test("the whole day without script", { timeout: 180_000 }, async (t) => {
  const run = await demo();
  t.after(run.stop);
  const context = await watched(browser, run.url, { javaScriptEnabled: false });
  context.withoutScript = true;
  const lena = await context.newPage();
  const home = () => lena.goto(run.url);
  let wall;

  await t.test("comes in, and hangs up a screen that renews itself", async () => {
    await comeIn(lena, run.link, "13:40");
    await lena.getByRole("navigation").getByRole("link", { name: "Team" }).click();
    await lena.getByLabel("Where does it hang?").fill("Kitchen");
    await lena.getByRole("button", { name: "Add a screen" }).click();
    const address = await lena.locator(".once .address").textContent();
    wall = await context.newPage();
    await wall.goto(address);
    assert.match(await wall.locator("#wall-now").textContent(), /Lena Vogt/);
    assert.match(await wall.content(), /<meta http-equiv="refresh" content="15">/);
    await home();
  });

  await t.test("main red, taken, ticked, investigated, green again", async () => {
    await jumpUntil(lena, item(lena, "unit tests failed on main"), "main is red");
    await until(lena, lena.getByText("Could help: Lucía Fernández Ibáñez"), "somebody is suggested", 10);
    await item(lena, "unit tests failed on main").getByRole("button", { name: "Take" }).click();
    await item(lena, "unit tests failed on main").getByText("Lena Vogt drives it").waitFor();
    await open(lena, "unit tests failed on main");
    await lena.locator(".checklist").getByRole("checkbox").first().click();
    await lena.locator(".checklist li.ticked").waitFor();
    await concludeHere(lena, "Summer time in the booking spec.");
    await lena.locator("#item-head").getByText("investigated").waitFor();
    await home();
    await jumpUntil(lena, lena.locator("#step-main-green.fine"), "main is green");
  });

  await t.test("staging errors concluded, a production error accepted and written back", async () => {
    await open(lena, "ActiveRecord::RecordInvalid");
    await concludeHere(lena, "Test vouchers; harmless.");
    await lena.locator("#item-head").getByText("closed").waitFor();
    await home();
    await open(lena, "NoMethodError");
    const tracker = await lena.getByRole("link", { name: "Open in the tracker" }).getAttribute("href");
    await lena.getByRole("button", { name: "Accept Chiara" }).click();
    await until(lena, lena.locator("#history").getByText("the tracker knows that Chiara Esposito owns this"), "the tracker is told", 20);
    await until(lena, lena.locator("#item-outcome").getByText("assigned to Chiara Esposito at the source"), "the tracker says so", 20);
    assert.match(await (await fetch(tracker)).text(), /assigned to<\/th><td>[^<]*chiara/i);
    await home();
  });

  await t.test("a question asked and answered", async () => {
    await lena.getByLabel("Ask the one on duty").fill("May I restart the staging queue?");
    await lena.getByRole("button", { name: "Ask", exact: true }).click();
    await open(lena, "May I restart the staging queue?");
    await concludeHere(lena, "Yes, after four.");
    await home();
    assert.equal(await item(lena, "May I restart").count(), 0);
  });

  await t.test("15:59 closed with reasons, 16:00 open, typed, rolled out", async () => {
    await jump(lena, "15:59");
    assert.equal(await lena.locator("button.go").count(), 0);
    assert.match(await lena.locator("#gate .blockers").textContent(), /“No critical error is released” has 1 open item\..*It is before 16:00\..*in 1 min/);
    await open(lena, "Timeout in booking#create");
    await concludeHere(lena, "Mended in the pool of staging.");
    await home();
    await jump(lena, "16:00");
    const short = await lena.locator(".roll-out label code").textContent();
    assert.equal(await lena.getByText("or hold the button").isVisible(), false);
    await lena.getByLabel(/to be sure/).fill(short);
    await lena.getByRole("button", { name: /^Roll out/ }).click();
    await lena.locator("#gate .output").waitFor();
    await picture(lena, "noscript-running", { fullPage: true });
    await until(lena, lena.locator("#step-rollout").getByText("went out", { exact: true }), "it arrives", 30);
    await lena.goto(`${run.url}/rollout`);
    assert.equal(await lena.locator("#rollouts tr", { hasText: "Lena Vogt" }).count(), 1);
  });

  await t.test("the log book has it, the wall too, until it is revoked", async () => {
    await lena.goto(`${run.url}/log`);
    assert.match(await lena.locator("#log-entries").textContent(), /pressed the button: \w{7} to production/);
    await lena.getByPlaceholder("Search all days…").fill("queue");
    await lena.getByRole("button", { name: "Search" }).click();
    assert.match(await lena.locator("#log-entries").textContent(), /May I restart the staging queue/);
    await wall.reload();
    assert.match(await wall.locator("#wall-foot").textContent(), /arrived/);
    await lena.goto(`${run.url}/team`);
    await lena.getByRole("row", { name: /Kitchen/ }).getByRole("button", { name: "Revoke" }).click();
    context.expected.push(/40[14]/);
    assert.equal((await wall.reload()).ok(), false);
  });
  calm(context);
});
