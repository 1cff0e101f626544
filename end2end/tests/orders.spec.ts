// Orders by hand on a session's page: placed, explained while they rest, changed, withdrawn; and a fill explained.

import { type Page } from "@playwright/test";
import { start, tab } from "./dashboard.ts";
import { alone, expect, expectAccessible, expectNoSidewaysScroll } from "./fixtures.ts";

async function openTicket(page: Page): Promise<void> {
  await tab(page, "orders");
  await page.getByTestId("ticket").locator("> summary").click();
}

alone("a limit order rests, says what it waits for, and is withdrawn", async ({ page }) => {
  alone.slow();
  const session = await start(page, "metronome", "1");
  await page.getByTestId("pause").click();
  await openTicket(page);
  await page.getByTestId("ticket-submit").click();
  await expect(page.getByTestId("ticket")).toContainText("Write a number above zero");

  await page.getByTestId("ticket-type").selectOption("limit");
  await page.getByLabel("Quantity, of BTC/USDT").fill("0.01");
  await page.getByLabel("Limit price").fill("1000");
  await expect(page.getByTestId("ticket-cost")).toContainText("Holds");
  await page.getByText("Protection and conditions").click();
  await page.getByLabel("Shown quantity").fill("0.002");
  await page.getByLabel("Taking").selectOption("Post only, else its price slides");
  await page.getByLabel("Your name for it").fill("rest-1");
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
  await page.getByTestId("ticket-submit").click();

  const order = page.locator('[data-testid="order-row"][data-status="accepted"]').first();
  await expect(order).toBeVisible({ timeout: 60_000 });
  const reply = await page.request.get(`/api/paper-trading/sessions/${session}/orders?limit=1`);
  const [placed] = (await reply.json()).items;
  expect(placed).toMatchObject({
    client_order_id: "rest-1",
    display: "0.002",
    instructions: { post_only: "slide" },
  });
  await order.getByTestId("order-why").click();
  await expect(page.getByTestId("order-explanation")).toContainText("It waits for a price of 1000 or lower");
  await expectNoSidewaysScroll(page);

  await order.getByTestId("order-change").click();
  await page.getByLabel("Limit price").last().fill("1100");
  await page.getByTestId("change-submit").click();
  await expect(order).toContainText("1,100.00");

  await order.getByTestId("order-cancel").click();
  await expect(page.locator('[data-testid="order-row"][data-status="canceled"]').first()).toBeVisible();
});

alone("a market order fills and its explanation adds up in words and numbers", async ({ page }) => {
  alone.slow();
  await start(page, "metronome", "60");
  await page.getByTestId("pause").click();
  await openTicket(page);
  await page.getByLabel("Quantity, of BTC/USDT").fill("0.01");
  await page.getByTestId("ticket-submit").click();
  const order = page.locator('[data-testid="order-row"][data-status="filled"]').first();
  await expect(order).toBeVisible({ timeout: 60_000 });
  await order.getByTestId("order-why").click();
  const story = page.getByTestId("order-explanation");
  await expect(story).toContainText("It was decided on a price of");
  await expect(story).toContainText("implementation shortfall");
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});
