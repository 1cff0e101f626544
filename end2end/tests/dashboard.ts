// What the tests do on the dashboard again and again.

import { type Locator, type Page, expect } from "@playwright/test";
import { open } from "./fixtures.ts";

/** Market seconds a second, as the speed buttons and the start form offer them. */
export type Speed = "1" | "10" | "60" | "600";

export const connection = (page: Page): Locator => page.getByTestId("connection");
/** The state of the session whose page this is. */
export const sessionState = (page: Page): Locator => page.locator(".page-head").getByTestId("session-state");
export const card = (page: Page, slug: string): Locator =>
  page.locator(`[data-testid="strategy-card"][data-slug="${slug}"]`);
export const row = (page: Page, session: string): Locator =>
  page.locator(`[data-testid="session-row"][data-session="${session}"]`);

/** Starts a strategy from its own page at a speed; ends on the session's page and gives its id. */
export async function start(page: Page, slug: string, speed: Speed, name?: string): Promise<string> {
  await open(page, `/strategies/${slug}`);
  await page.getByTestId("start-options").click();
  await page.getByTestId("start-speed").selectOption(speed);
  if (name) await page.getByLabel("Name of the session").fill(name);
  await page.getByTestId("start-submit").click();
  return onSession(page);
}

/** Waits for a session's page and gives its id. */
export async function onSession(page: Page): Promise<string> {
  await page.waitForURL(/\/sessions\/[^/]+$/);
  return page.url().split("/").at(-1)!;
}

/** Shows a tab of a session. */
export async function tab(page: Page, name: string): Promise<Locator> {
  await page.getByTestId(`tab-${name}`).click();
  const panel = page.getByTestId(`panel-${name}`);
  await expect(panel).toBeVisible();
  return panel;
}

/** The fills on screen: what stands in each row, by the fill's number. */
export async function fills(page: Page): Promise<Map<string, string>> {
  const rows = await page.getByTestId("fill-row").evaluateAll((rows) =>
    rows.map((row) => [...row.children].slice(0, 9).map((cell) => cell.textContent?.trim() ?? "")),
  );
  return new Map(rows.map(([number, ...rest]) => [number!, rest.join(" | ")]));
}

/** Waits until a session has filled so many orders. */
export async function waitForFills(page: Page, count: number): Promise<void> {
  await tab(page, "fills");
  await expect.poll(() => page.getByTestId("fill-row").count(), { timeout: 90_000 }).toBeGreaterThanOrEqual(count);
}
