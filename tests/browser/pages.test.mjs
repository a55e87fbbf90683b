// Every page, on every kind of day, in every size and light: nothing that axe finds, nothing wider than its window. The
// days come from the gallery, whose samples are worse than any demo. Then the live pages: how heavy, how calm.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import zlib from "node:zlib";
import { comeIn, demo, gallery, launch, picture, watched } from "./lib.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 }, wall: { width: 1920, height: 1080 } };
/** Most bytes of a page with its style sheet and script, as sent. */
const MOST_BYTES = 60_000;
/** Pages that are looked at side by side: axe keeps a processor busy for a second with each. */
const TABS = 2;
/** Most layout shift of a page while it loads, as browsers measure it; "good" is below 0.1. */
const MOST_SHIFT = 0.02;

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

/** What axe finds on the page, a line each. */
async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, html }) => `${id} (${help}): ${target} ${html.slice(0, 160)}`));
}

/** How many pixels of the page stick out of its window. */
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("every page on every day, in every size and light", { timeout: 600_000, concurrency: TABS }, async (t) => {
  const folder = gallery();
  const files = fs.readdirSync(folder).filter((file) => file.endsWith(".html")).sort();
  assert(files.length > 40, `the gallery drew ${files.length} pages`);
  for (const [size, viewport] of Object.entries(sizes)) {
    const left = files.filter((file) => file.startsWith("wall-") === (size === "wall"));
    const look = async () => {
      const context = await browser.newContext({ viewport, reducedMotion: "reduce" });
      const page = await context.newPage();
      for (let file = left.shift(); file; file = left.shift()) {
        await t.test(`${file} on ${size}`, async () => {
          await page.goto(pathToFileURL(path.join(folder, file)).href);
          await picture(page, path.join("gallery", `${path.basename(file, ".html")}-${size}`), { fullPage: true });
          assert.equal(await overflow(page), 0, "wider than its window");
          assert.deepEqual(await findings(page), []);
        });
      }
      await context.close();
    };
    await Promise.all(Array.from({ length: TABS }, look));
  }
});

test("live pages are light and stand still", { timeout: 180_000 }, async (t) => {
  const run = await demo();
  t.after(run.stop);
  const context = await watched(browser, run.url);
  const page = await context.newPage();
  await comeIn(page, run.link, "13:40");
  await page.addInitScript(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value; })
      .observe({ type: "layout-shift", buffered: true });
  });
  for (const address of ["/", "/log", "/process", "/team", "/rollout"]) {
    await t.test(address, async () => {
      const bodies = [];
      const weigh = (response) => { if (response.request().resourceType() !== "eventsource") bodies.push(response.body().catch(() => Buffer.alloc(0))); };
      page.on("response", weigh);
      await page.goto(`${run.url}${address}`);
      await page.locator("main h1").first().waitFor();
      await page.waitForTimeout(500);
      page.off("response", weigh);
      const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + zlib.gzipSync(body).length, 0);
      assert(bytes > 1_000 && bytes < MOST_BYTES, `${bytes} bytes`);
      const shift = await page.evaluate(() => globalThis.shift);
      assert(shift < MOST_SHIFT, `layout shift ${shift}`);
      assert.equal(await overflow(page), 0, "wider than its window");
    });
  }
});
