// Every place: it answers, it comes alive without an error, it can be used by everyone, it fits every window.

import { expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test } from "./fixtures.ts";

const PLACES = ["/", "/strategies", "/strategies/sma-cross", "/strategies/sma-cross/research", "/sessions"];

for (const path of PLACES) {
  test(`${path} comes alive without an error`, async ({ page }) => {
    const response = await page.goto(path);
    expect(response?.status()).toBe(200);
    await hydrated(page);
    await expect(page).toHaveTitle(/Papertape/);
    await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
    await expect(page.getByTestId("connection")).toHaveAttribute("data-state", "connected");
  });

  for (const colorScheme of ["dark", "light"] as const) {
    for (const width of [390, 1440]) {
      test(`${path} is accessible and fits, ${colorScheme}, ${width} px`, async ({ page }) => {
        await page.setViewportSize({ width, height: 844 });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await open(page, path);
        await expectNoSidewaysScroll(page);
        await expectAccessible(page);
      });
    }
  }
}

for (const path of ["/no-such-page", "/strategies/no-such-strategy", "/sessions/no-such-session"]) {
  test(`${path} says that it is not there, and where to go`, async ({ page, pageErrors }) => {
    const response = await page.goto(path);
    expect(response?.status()).toBe(404);
    await hydrated(page);
    const missing = page.getByTestId("not-found");
    await expect(missing).toBeVisible();
    await expect(missing.getByRole("link").first()).toBeVisible();
    // The browser itself notes the status of the page.
    expect(pageErrors.splice(0).filter((error) => !error.includes("404"))).toEqual([]);
  });
}

test("the server sends the page's words before any script runs", async ({ browser, server }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: server.url });
  const page = await context.newPage();
  await page.goto("/strategies");
  await expect(page.getByTestId("strategy-card").first()).toBeVisible();
  await context.close();
});

test("a reload takes the client from the browser's cache", async ({ page }) => {
  test.skip(!!process.env.PAPERTAPE_SITE?.endsWith("-dev"), "an unoptimised client is larger than a browser keeps");
  await open(page, "/");
  await page.reload();
  await hydrated(page);
  const transferred = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((entry) => new URL(entry.name).pathname.startsWith("/pkg/"))
      .map((entry) => (entry as PerformanceResourceTiming).transferSize),
  );
  expect(transferred.length).toBeGreaterThanOrEqual(3);
  // A revalidated answer is its headers only.
  expect(Math.max(...transferred)).toBeLessThan(2_000);
});

test("the keyboard leads everywhere", async ({ page }) => {
  await open(page, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/sessions$/);
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await expect(page).toHaveURL(/\/strategies$/);
  await page.keyboard.press("/");
  await expect(page.getByTestId("filter")).toBeFocused();
  await page.keyboard.press("Escape");
  await page.getByTestId("filter").blur();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL(/\/$/);
});

test("the theme is the reader's choice and is remembered", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page, "/");
  await page.getByTestId("theme").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await page.reload();
  await hydrated(page);
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await expectAccessible(page);
});
