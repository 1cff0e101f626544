import { expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test } from "./fixtures.ts";

test("the home page comes alive without an error", async ({ page }) => {
  const response = await page.goto("/");
  expect(response?.status()).toBe(200);
  await hydrated(page);
  await expect(page).toHaveTitle(/Papertape/);
});

test("the server sends the page's words before any script runs", async ({ browser, server }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: server.url });
  const page = await context.newPage();
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await context.close();
});

test("a reload takes the client from the browser's cache", async ({ page }) => {
  await open(page, "/");
  await page.reload();
  await hydrated(page);
  const transferred = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((entry) => new URL(entry.name).pathname.startsWith("/pkg/"))
      .map((entry) => (entry as PerformanceResourceTiming).transferSize),
  );
  // A revalidated answer is its headers only.
  expect(Math.max(...transferred)).toBeLessThan(2_000);
});

for (const colorScheme of ["dark", "light"] as const) {
  for (const width of [390, 1440]) {
    test(`the home page is accessible and fits, ${colorScheme}, ${width} px`, async ({ page }) => {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      await open(page, "/");
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
        });
  }
}
