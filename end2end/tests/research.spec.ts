// Research: which parameters are best, whether that is luck, and what else could have come.

import { type Page } from "@playwright/test";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test } from "./fixtures.ts";

const RESEARCH = "/strategies/sma-cross/research";

/** A parameter's range in the form. */
async function range(page: Page, name: string, from: string, to: string, step: string): Promise<void> {
  await page.getByTestId(`axis-${name}-from`).fill(from);
  await page.getByTestId(`axis-${name}-to`).fill(to);
  await page.getByTestId(`axis-${name}-step`).fill(step);
}

/** The figures of a column, from the top down. */
async function column(page: Page, label: string): Promise<number[]> {
  const cells = page.getByTestId("sweep-row").locator(`[data-label="${label}"]`);
  return (await cells.allTextContents()).map((text) => parseFloat(text.replace("−", "-").replace(/[^-.\d]/g, "")));
}

alone("a sweep shows its rows best first, says whether that was luck, and opens one as a backtest", async ({ page }) => {
  alone.slow();
  await open(page, "/strategies/sma-cross");
  await page.getByTestId("research").click();
  await expect(page).toHaveURL(/\/strategies\/sma-cross\/research$/);
  await range(page, "fast", "10", "30", "10");
  await range(page, "slow", "40", "80", "20");
  await expect(page.getByTestId("study-size")).toHaveText("9 combinations");
  await page.getByTestId("study-start").click();
  await expect(page).toHaveURL(/\?study=/);

  const rows = page.getByTestId("sweep-row");
  await expect(rows).toHaveCount(9, { timeout: 120_000 });
  const sharpe = await column(page, "Sharpe");
  expect(sharpe).toEqual([...sharpe].sort((a, b) => b - a));
  await expect(page.getByTestId("study-judgement")).toContainText("luck");
  await expect(page.getByTestId("heat-map").locator("td")).toHaveCount(9);
  await expect(page.getByTestId("heat-words")).toContainText("Best, ringed");
  await expect(page.getByTestId("study-row")).toHaveCount(1);
  await expect(page.getByTestId("study-row")).toContainText("finished");

  // Another order, by the keyboard: the smallest falls first.
  await page.getByRole("button", { name: "Drawdown", exact: true }).focus();
  await page.keyboard.press("Enter");
  const falls = await column(page, "Drawdown");
  expect(falls).toEqual([...falls].sort((a, b) => a - b));
  expect(falls).not.toEqual(await column(page, "Sharpe"));

  // The address keeps the study, and the form asks for the same again.
  await page.reload();
  await hydrated(page);
  await expect(rows).toHaveCount(9);
  await expect(page.getByTestId("axis-slow-step")).toHaveValue("20");
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  }

  // What is opened is the run of the table, over the same bars.
  const expected = await rows.first().locator('[data-label="Return"]').textContent();
  await rows.first().getByTestId("study-open").click();
  await page.waitForURL(/\/backtests\/[^/]+$/, { timeout: 60_000 });
  await expect(page.getByTestId("session-return")).toHaveText(expected!.trim());
});

alone("a long sweep shows how far it is, and keeps what is done when it is stopped", async ({ page }) => {
  alone.slow();
  await open(page, RESEARCH);
  await range(page, "fast", "5", "100", "1");
  await range(page, "slow", "20", "200", "1");
  await expect(page.getByTestId("study-size")).toHaveText("17,376 combinations");
  await page.getByTestId("study-start").click();
  const progress = page.getByTestId("study-progress");
  await expect(progress).toContainText(/[1-9]\d* of [\d,]+ runs, .* runs\/s, .* left/, { timeout: 60_000 });
  await expect(page.getByTestId("study-best")).toContainText(/Best so far: fast \d+, slow \d+/);
  await expect(page.getByTestId("study-start")).toBeDisabled();
  await expectAccessible(page);

  await page.getByTestId("study-cancel").click();
  await expect(page.getByTestId("study-note")).toContainText(/Stopped after [\d,]+ of [\d,]+ runs/);
  await expect(page.getByTestId("sweep-row").first()).toBeVisible();
  await expect(page.getByTestId("study-row")).toContainText(/stopped after/);
  await expect(page.getByTestId("study-start")).toBeEnabled();
});

alone("a walk-forward and a Monte Carlo simulation, each to go back to", async ({ page }) => {
  alone.slow();
  await open(page, RESEARCH);
  await page.getByTestId("study-walk_forward").click();
  await range(page, "fast", "10", "20", "10");
  await range(page, "slow", "40", "60", "20");
  await page.getByLabel("Windows").fill("3");
  await expect(page.getByTestId("study-size")).toHaveText("4 combinations, in each window");
  await page.getByTestId("study-start").click();
  await expect(page.getByTestId("window-row")).toHaveCount(3, { timeout: 120_000 });
  await expect(page.getByTestId("study-judgement")).toContainText("Efficiency");
  await expect(page.getByTestId("walk-strip")).toBeVisible();
  const walk = page.url();

  await page.getByTestId("study-monte_carlo").click();
  await page.getByTestId("axis-fast-value").fill("10");
  await page.getByLabel("How many courses").fill("500");
  await page.getByTestId("study-start").click();
  await expect(page.getByTestId("fan")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByTestId("study-judgement")).toContainText("of 500 courses");
  await expect(page.getByTestId("study-row")).toHaveCount(2);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);

  // Back by the list, by the keyboard; the form follows.
  await page.getByRole("link", { name: "Walk-forward" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(walk);
  await expect(page.getByTestId("window-row")).toHaveCount(3);
  await expect(page.getByLabel("Windows")).toHaveValue("3");
  await page.goBack();
  await expect(page.getByTestId("fan")).toBeVisible();
});

test("what cannot be searched is told where it was written, and is not asked for", async ({ page, pageErrors }) => {
  await open(page, RESEARCH);
  const start = page.getByTestId("study-start");
  await expect(start).toBeEnabled();
  await range(page, "fast", "50", "5", "5");
  await expect(page.getByText("runs backwards")).toBeVisible();
  await expect(start).toBeDisabled();
  await range(page, "fast", "5", "50", "");
  await expect(page.getByText("Write a step")).toBeVisible();
  await page.getByTestId("study-method").selectOption("random");
  await expect(page.getByText("Write a step")).toBeHidden();
  await expect(start).toBeEnabled();
  await page.getByTestId("axis-fast-changes").uncheck();
  await page.getByTestId("axis-slow-changes").uncheck();
  await expect(page.getByTestId("study-size")).toContainText("at one parameter at least");
  // The server has the last word.
  await page.getByTestId("axis-fast-changes").check();
  await page.getByLabel("Only where").fill("fast <");
  await start.click();
  await expect(page.getByTestId("problem")).toContainText("constraint");
  // The browser itself notes that the server refused.
  expect(pageErrors.splice(0).filter((error) => !error.includes("422"))).toEqual([]);
});
