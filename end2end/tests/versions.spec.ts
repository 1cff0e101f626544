// A strategy's page: what is likely a mistake in it, and its texts before the present one.

import { type Page } from "@playwright/test";
import { alone, expect, expectAccessible, expectNoSidewaysScroll, open } from "./fixtures.ts";

const rules = (entry: string): string => `name: Mine
symbols: [BTC/USDT]
timeframe: 5m
params:
  length: {default: 14, min: 2, max: 50, step: 1}
entry:
  long: ${entry}
exit:
  long: rsi(close, $length) > 60
`;

async function save(page: Page, baseURL: string, entry: string): Promise<void> {
  const answer = await page.request.put(`${baseURL}/api/paper-trading/strategies/mine`, {
    data: { strategy: rules(entry) },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
}

alone("an earlier version is compared with the present one and restored", async ({ page, baseURL }) => {
  alone.slow();
  await save(page, baseURL!, "rsi(close, $length) < 30");
  await open(page, "/strategies/mine");
  await expect(page.getByTestId("version-row")).toHaveCount(0);
  await expect(page.getByTestId("warnings")).toHaveCount(0);

  // A rule that can never be true is told of, with its place.
  await save(page, baseURL!, "rsi(close, $length) > 100");
  await open(page, "/strategies/mine");
  await expect(page.getByTestId("warnings")).toContainText("7:");
  const version = page.getByTestId("version-row");
  await expect(version).toHaveCount(1);
  await expect(version).toContainText("1 line added, 1 line removed");
  await page.getByTestId("version-changes").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("version-diff")).toContainText("Added: + long: rsi(close, $length) > 100");
  await expect(page.getByTestId("caveats")).toContainText("0 trades are few for 1 parameters", { timeout: 90_000 });
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  }

  await page.getByTestId("version-restore").click();
  await expect(page.getByTestId("code")).toContainText("< 30");
  await expect(page.getByTestId("warnings")).toHaveCount(0);
  await expect(version).toContainText("1 line added, 1 line removed");
  // Back and forth: what was restored from is an earlier version itself.
  await page.getByTestId("version-restore").click();
  await expect(page.getByTestId("code")).toContainText("> 100");
});
