// The builder: blocks and text are the same file, by keyboard and by pointer, and what is written is run below.

import { type Locator, type Page } from "@playwright/test";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, open, test } from "./fixtures.ts";

const ODD = `# Written by hand.
name: By hand   # mine
timeframe: 5m
params:
  # bars of the quick one
  fast: {default: 20, min: 5,   max: 100}
let:
  quick: sma(close, $fast)
entry:
  long: cross_above(close, quick) and volume > 0   # both
exit:
  long: cross_below(close, quick)
`;

const text = (page: Page): Locator => page.getByTestId("builder-text");
const block = (page: Page, path: string): Locator => page.locator(`[data-path="${path}"]`);
const field = (page: Page, path: string): Locator => page.locator(`[id="field-${path}"]`);
const problems = (page: Page): Locator => page.getByTestId("builder-problems");

/** Opens an empty builder and writes a text into it. */
async function write(page: Page, yaml: string): Promise<void> {
  await open(page, "/strategies/new");
  await text(page).fill(yaml);
  await expect(problems(page)).toContainText("No problems");
}

/** Presses Tab until a control has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let pressed = 0; pressed < 80; pressed += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}

alone("a crossing of averages is built from nothing with the keyboard alone, saved and read back", async ({ page }) => {
  await open(page, "/strategies");
  await tabTo(page, page.getByTestId("new-strategy"));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/strategies\/new$/);
  await expect(page.getByTestId("builder")).toBeVisible();

  await tabTo(page, field(page, "name"));
  await page.keyboard.type("Keys only");
  await page.keyboard.press("Tab");
  await expect(text(page)).toHaveValue("name: Keys only\n");

  await tabTo(page, page.locator('summary[aria-label="Add to entry"]'));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("button", { name: "Add to entry: Long" }));
  await page.keyboard.press("Enter");
  await expect(block(page, "entry.long.0")).toBeFocused();
  await expect(text(page)).toHaveValue(/long: cross_above\(sma\(close, 20\), sma\(close, 50\)\)/);

  await page.keyboard.press("Enter");
  await expect(field(page, "entry.long.0.left")).toBeFocused();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("sma(close, 10)");
  await page.keyboard.press("Escape");
  await expect(block(page, "entry.long.0")).toBeFocused();
  await expect(text(page)).toHaveValue(/cross_above\(sma\(close, 10\), sma\(close, 50\)\)/);

  const addExit = page.locator('summary[aria-label="Add to exit"]');
  await tabTo(page, addExit);
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("button", { name: "Add to exit: Long" }));
  await page.keyboard.press("Enter");
  await expect(block(page, "exit.long.0")).toBeFocused();
  await expect(problems(page)).toContainText("No problems");

  await page.keyboard.press("Control+s");
  await expect(page.getByTestId("save-name")).toHaveValue("keys-only");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/strategies\/keys-only\/edit$/);
  await page.reload();
  await expect(text(page)).toHaveValue(
    "name: Keys only\nentry:\n  long: cross_above(sma(close, 10), sma(close, 50))\nexit:\n  long: cross_below(sma(close, 20), sma(close, 50))\n",
  );
  await expect(page.getByTestId("preview-trade").first()).toBeVisible({ timeout: 30_000 });
  await open(page, "/strategies");
  await expect(page.locator('[data-testid="strategy-card"][data-slug="keys-only"]')).toBeVisible();
});

test("blocks follow the text, and the text follows blocks with its comments unharmed", async ({ page }) => {
  await write(page, ODD);
  await expect(field(page, "params.fast.default")).toHaveValue("20");
  await expect(field(page, "entry.long.1.right")).toHaveValue("0");

  await text(page).fill(ODD.replace("default: 20", "default: 25").replace("volume > 0", "volume > 1"));
  await expect(field(page, "params.fast.default")).toHaveValue("25");
  await expect(field(page, "entry.long.1.right")).toHaveValue("1");

  await field(page, "params.fast.default").fill("30");
  await field(page, "params.fast.default").press("Enter");
  const third = ODD.replace("default: 20", "default: 30").replace("volume > 0", "volume > 1");
  await expect(text(page)).toHaveValue(third);
  await field(page, "entry.long.0.operator").selectOption(">");
  await expect(text(page)).toHaveValue(third.replace("cross_above(close, quick)", "close > quick"));
  await field(page, "params.fast").fill("length");
  await field(page, "params.fast").press("Enter");
  await expect(text(page)).toHaveValue(/sma\(close, \$length\)/);
  await expect(text(page)).toHaveValue(/# bars of the quick one\n  length:/);
  await expect(problems(page)).toContainText("No problems");
});

test("undo and redo go over both sides", async ({ page }) => {
  await write(page, ODD);
  await field(page, "entry.long.1.right").fill("5");
  await field(page, "entry.long.1.right").press("Enter");
  await expect(text(page)).toHaveValue(ODD.replace("volume > 0", "volume > 5"));
  await block(page, "entry.long.1").focus();
  await page.keyboard.press("Alt+ArrowUp");
  const moved = "long: volume > 5 and cross_above(close, quick)   # both";
  await expect(text(page)).toHaveValue(new RegExp(moved.replace(/[()]/g, "\\$&")));
  await expect(block(page, "entry.long.0")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(block(page, "entry.long.1")).toHaveCount(0);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await expect(text(page)).toHaveValue(ODD.replace("volume > 0", "volume > 5"));
  await expect(page.locator("[data-path]:focus"), "the keyboard stays in the blocks").toHaveCount(1);
  await page.keyboard.press("Control+z");
  await expect(text(page)).toHaveValue(ODD);
  await expect(field(page, "entry.long.1.right")).toHaveValue("0");
  await page.keyboard.press("Control+Shift+z");
  await expect(text(page)).toHaveValue(ODD.replace("volume > 0", "volume > 5"));
});

test("a problem shows at its line and at its block, and a wrong value at its field", async ({ page }) => {
  await write(page, ODD);
  await text(page).fill(ODD.replace("sma(close, $fast)", "smaa(close, $fast)"));
  await expect(problems(page)).toContainText("8:10");
  await expect(problems(page)).toContainText("did you mean");
  await expect(page.locator(".numbers .wrong")).toHaveText("8");
  await expect(block(page, "let.quick").getByRole("alert")).toContainText("smaa");
  await expect(page.getByTestId("preview-state")).toContainText("Waiting");

  await text(page).fill("name: [");
  await expect(problems(page)).toContainText("not YAML");
  await expect(page.getByText("The text is not YAML at the moment.")).toBeVisible();
  await text(page).fill(ODD);
  await expect(problems(page)).toContainText("No problems");

  await field(page, "entry.long.0.right").fill("sma(close");
  await field(page, "entry.long.0.right").press("Enter");
  await expect(block(page, "entry.long.0").getByRole("alert")).toContainText("end with ')'");
  await expect(text(page)).toHaveValue(ODD);
});

test("what blocks cannot show stays as text", async ({ page }) => {
  const foreign = `${ODD}risk:\n  ladder: [1, 2]   # not a block\n`;
  await open(page, "/strategies/new");
  await text(page).fill(foreign);
  await expect(block(page, "risk.ladder")).toContainText("ladder: [1, 2]");
  await field(page, "timeframe").selectOption("1h");
  await expect(text(page)).toHaveValue(foreign.replace("timeframe: 5m", "timeframe: 1h"));
});

test("an indicator is chosen from the catalogue with its parameters", async ({ page }) => {
  await write(page, ODD);
  await block(page, "entry.long.0").getByRole("button", { name: "Choose a value: right side" }).click();
  const dialog = page.getByRole("dialog", { name: "Choose a value" });
  await expect(dialog.getByRole("button", { name: "quick" })).toBeVisible();
  await dialog.getByPlaceholder("Filter: sma, macd, volume").fill("bband");
  await dialog.getByRole("button", { name: "bbands" }).click();
  await dialog.getByLabel("period").fill("$fast");
  await dialog.getByLabel("Output").selectOption("middle");
  await expect(page.getByTestId("catalogue-expression")).toHaveText("bbands(close, $fast, 2).middle");
  await expectAccessible(page);
  await page.getByTestId("catalogue-use").click();
  await expect(text(page)).toHaveValue(/cross_above\(close, bbands\(close, \$fast, 2\)\.middle\)/);
  await expect(problems(page)).toContainText("No problems");
});

test("the backtest below follows every change", async ({ page }) => {
  await write(page, ODD);
  await expect(page.getByTestId("preview-state")).toHaveText("Up to date", { timeout: 30_000 });
  await expect(page.getByTestId("preview-trade").first()).toBeVisible();
  const before = await page.getByTestId("preview-trades").textContent();
  await field(page, "params.fast.default").fill("60");
  await field(page, "params.fast.default").press("Enter");
  await expect(page.getByTestId("preview-trades")).not.toHaveText(before!, { timeout: 30_000 });
});

alone("a strategy of the library is saved as a copy, and a conflict is told", async ({ page, ownServer, request, pageErrors }) => {
  await open(page, "/strategies/sma-cross");
  await page.getByTestId("edit").click();
  await page.waitForURL(/\/strategies\/sma-cross\/edit$/);
  await field(page, "params.fast.default").fill("25");
  await field(page, "params.fast.default").press("Enter");
  await expect(page.getByTestId("save-state")).toHaveText("Not saved");
  await page.getByTestId("save").click();
  await expect(page.getByTestId("save-name")).toHaveValue("sma-cross-copy");
  await page.getByTestId("save-submit").click();
  await page.waitForURL(/\/strategies\/sma-cross-copy\/edit$/);
  await expect(page.getByTestId("save-state")).toHaveText("Saved");

  const other = await request.put(`${ownServer.url}/api/paper-trading/strategies/sma-cross-copy`, { data: { strategy: ODD } });
  expect(other.status()).toBe(200);
  await field(page, "params.fast.default").fill("35");
  await field(page, "params.fast.default").press("Enter");
  await expect(page.getByTestId("save-state")).toHaveText("Not saved");
  await page.getByTestId("save").click();
  await expect(page.getByTestId("problem")).toContainText("was changed or removed meanwhile");
  expect(pageErrors.splice(0).filter((error) => !error.includes("412"))).toEqual([]);
});

alone("unsaved changes are kept as a draft and guarded", async ({ page }) => {
  await write(page, ODD);
  const asked: string[] = [];
  page.on("dialog", async (dialog) => {
    asked.push(dialog.message());
    await dialog.dismiss();
  });
  await page.getByRole("link", { name: "Overview" }).click();
  await expect.poll(() => asked.length).toBe(1);
  expect(page.url()).toMatch(/\/strategies\/new$/);
  page.removeAllListeners("dialog");
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("link", { name: "Overview" }).click();
  await page.waitForURL(/\/$/);
  await open(page, "/strategies/new");
  await expect(page.getByTestId("draft")).toBeVisible();
  await expect(text(page)).toHaveValue(ODD);
  await page.getByTestId("draft-discard").click();
  await expect(text(page)).toHaveValue("");
  await expect(page.getByTestId("draft")).toBeHidden();
});

alone("a draft of an older version does not write over what was saved since", async ({ page, ownServer, request, pageErrors }) => {
  const path = `${ownServer.url}/api/paper-trading/strategies/drafted`;
  const first = await request.put(path, { data: { strategy: ODD } });
  expect(first.status(), await first.text()).toBe(201);
  await open(page, "/strategies/drafted/edit");
  await text(page).fill(`${ODD}# mine\n`);
  await expect(page.getByTestId("save-state")).toHaveText("Not saved");
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("link", { name: "Overview" }).click();
  await page.waitForURL(/\/$/);
  const second = await request.put(path, {
    data: { strategy: `${ODD}# theirs\n` },
    headers: { "if-match": first.headers()["etag"]! },
  });
  expect(second.status(), await second.text()).toBe(200);
  await open(page, "/strategies/drafted/edit");
  await expect(text(page)).toHaveValue(`${ODD}# mine\n`);
  await expect(page.getByTestId("draft")).toContainText("Another version has been saved meanwhile");
  await page.getByTestId("save").click();
  await expect(page.getByTestId("problem")).toContainText("was changed or removed meanwhile");
  await page.getByTestId("draft-discard").click();
  await expect(text(page)).toHaveValue(`${ODD}# theirs\n`);
  expect((await request.delete(path)).ok()).toBe(true);
  expect(pageErrors.splice(0).filter((error) => !error.includes("412"))).toEqual([]);
});

test("a block is moved by dragging", async ({ page }) => {
  await write(page, ODD);
  await block(page, "entry.long.1").locator(".handle").dragTo(block(page, "entry.long.0"));
  await expect(text(page)).toHaveValue(/long: volume > 0 and cross_above\(close, quick\)/);
});

const RULES = `name: Two ideas   # mine
timeframe: 5m
entry:
  # the first one
  - name: breakout
    long: close > highest(high, 20)[1]
  - name: dip   # the other
    long: rsi(close, 4) < 25
    size: {method: percent_of_equity, value: 25}
exit:
  long: cross_below(close, sma(close, 20))
`;

/** Opens the menu of a block or a section with the keyboard and chooses from it. */
async function addTo(page: Page, where: Locator, label: string): Promise<void> {
  await where.focus();
  await page.keyboard.press("a");
  const choice = where.getByRole("button", { name: label, exact: true });
  await tabTo(page, choice);
  await page.keyboard.press("Enter");
}

test("rules with names, adding and every size are put together with the keyboard alone", async ({ page }) => {
  await write(page, RULES);
  await expect(field(page, "entry.0.name")).toHaveValue("breakout");
  await expect(field(page, "entry.1.size.value")).toHaveValue("25");

  await field(page, "entry.1.size.method").focus();
  await page.keyboard.press("End");
  await expect(text(page)).toHaveValue(RULES.replace("percent_of_equity", "kelly"));
  await addTo(page, block(page, "entry.1.size"), "Add to its own size: At most");
  await expect(text(page)).toHaveValue(/size: \{method: kelly, value: 25, cap: 25\}/);

  await addTo(page, block(page, "entry.0"), "Add to rule: Adding to the position");
  await expect(block(page, "entry.0.add")).toBeFocused();
  await expect(text(page)).toHaveValue(/\[1\]\n    add: \{after_gain: 1 \* atr\(14\), max: 2\}\n  - name: dip   # the other/);
  await expect(problems(page)).toContainText("No problems");

  await block(page, "entry.1").focus();
  await page.keyboard.press("Alt+ArrowUp");
  await expect(field(page, "entry.0.name")).toHaveValue("dip");
  await expect(block(page, "entry.0")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(field(page, "entry.0.name")).toHaveValue("breakout");
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await expect(text(page)).toHaveValue(/# the first one\n  - name: breakout/);
  await expect(field(page, "entry.0.name")).toHaveValue("breakout");
  await expect(page.getByTestId("preview-state")).toHaveText("Up to date", { timeout: 30_000 });
  await expect(page.getByTestId("preview-trade").first()).toBeVisible();
});

test("another rule makes a list, and a bad value is told at its field", async ({ page }) => {
  await write(page, ODD);
  await page.locator('summary[aria-label="Add to entry"]').click();
  await page.getByRole("button", { name: "Add to entry: Another rule" }).click();
  await expect(field(page, "entry.1.name")).toHaveValue("entry 2");
  const listed = "  - name: entry 1\n    long: cross_above(close, quick) and volume > 0   # both\n  - name: entry 2\n";
  expect(await text(page).inputValue()).toContain(listed);
  await expect(problems(page)).toContainText("No problems");

  await field(page, "entry.1.name").fill("entry 1");
  await field(page, "entry.1.name").press("Enter");
  await expect(block(page, "entry.1").getByRole("alert")).toContainText("another rule is called 'entry 1' already");
  await field(page, "entry.1.name").fill("late");
  await field(page, "entry.1.name").press("Enter");
  await expect(problems(page)).toContainText("No problems");

  await page.locator('summary[aria-label="Add to risk"]').click();
  await page.getByRole("button", { name: "Add to risk: Correlation limit" }).click();
  await expect(field(page, "risk.max_correlation.limit")).toHaveValue("0.8");
  await field(page, "risk.max_correlation.lookback").fill("90");
  await field(page, "risk.max_correlation.lookback").press("Enter");
  await expect(text(page)).toHaveValue(/max_correlation: \{limit: 0\.8, lookback: 90\}/);
  await field(page, "risk.max_correlation.limit").fill("0.8 *");
  await field(page, "risk.max_correlation.limit").press("Enter");
  await expect(block(page, "risk.max_correlation").getByRole("alert").first()).toContainText("missing before the end");
  await expect(text(page)).toHaveValue(/limit: 0\.8,/);
});

test("a portfolio takes the place of rules, with a weight for each symbol", async ({ page }) => {
  await open(page, "/strategies/new");
  await text(page).fill("name: Shares   # mine\nsymbols: [BTC/USDT, ETH/USDT]\n");
  await page.getByRole("button", { name: "Add to portfolio: Division" }).click();
  await expect(field(page, "portfolio.method")).toHaveValue("equal");
  await expect(page.locator("#block-entry")).toHaveCount(0);
  await field(page, "portfolio.method").selectOption("target");
  const share = page.locator('[id="field-portfolio.weights.BTC/USDT.value"]');
  await expect(share).toHaveValue("50%");
  await share.fill("60%");
  await share.press("Enter");
  await expect(text(page)).toHaveValue(
    "name: Shares   # mine\nsymbols: [BTC/USDT, ETH/USDT]\nportfolio: {method: target, weights: {BTC/USDT: 60%, ETH/USDT: 50%}, rebalance: monthly}\n",
  );
  await expect(problems(page)).toContainText("more than the equity: 110 %");
  await text(page).fill(await text(page).inputValue().then((yaml) => yaml.replace("ETH/USDT: 50%", "ETH/USDT: 40%")));
  await expect(problems(page)).toContainText("No problems");
  await expect(page.locator('[id="field-portfolio.weights.ETH/USDT.value"]')).toHaveValue("40%");
});

test("what is likely a mistake is told at its block and its line", async ({ page }) => {
  await write(page, ODD.replace("volume > 0", "rsi(close, 14) > 100"));
  await expect(problems(page)).toContainText("Perhaps not what was meant: this can never be true");
  await expect(block(page, "entry.long.1").locator(".warned")).toContainText("can never be true");
  await expect(page.locator(".numbers .warned")).toHaveText("10");
});

for (const colorScheme of ["dark", "light"] as const) {
  for (const width of [390, 1440]) {
    test(`the builder is accessible and fits, ${colorScheme}, ${width} px`, async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const rules = RULES.slice(RULES.indexOf("entry:"), RULES.indexOf("exit:"));
      const both = ODD.slice(0, ODD.indexOf("entry:")) + rules + ODD.slice(ODD.indexOf("exit:"));
      await write(page, `${both}risk:\n  take_profit: [{at: 2%, close: 50%}, {at: 4%}]\n  stop_loss: 2%\norders:\n  entry: {type: limit, price: close}\n`);
      await expect(page.getByTestId("preview-state")).toHaveText("Up to date", { timeout: 30_000 });
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    });
  }
}
