// The owner of the charts on a page of its own: what every chart of the dashboard relies on.

import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures.ts";

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Charts</title>
  <style>
    html { --chart-1: rgb(250, 0, 0); color-scheme: light }
    html[data-theme="dark"] { --chart-1: oklch(0.6 0.2 260) }
    #box { width: 600px; height: 300px }
  </style>
  <div id="box"></div>`;

const POINTS = Array.from({ length: 50 }, (_, i) => [i, Math.sin(i / 5)]);

function line(extra: object = {}): object {
  return {
    xAxis: { type: "value" },
    yAxis: { type: "value" },
    dataZoom: [{ type: "inside", start: 20, end: 80 }],
    series: [{ id: "a", type: "line", lineStyle: { color: "var(--chart-1)", width: 6 }, data: POINTS }],
    ...extra,
  };
}

interface Chart {
  update(json: string): void;
  resetZoom(): void;
  png(): string | undefined;
  dispose(): void;
}

declare global {
  interface Window {
    chart: Chart;
    clicks: [string, number, string][];
    /** Waits until what was asked for is drawn. */
    drawn(): Promise<void>;
    /** How many pixels are of this colour, more or less. */
    pixels(red: number, green: number, blue: number): number;
  }
}

async function mount(page: Page, option: object = line()): Promise<void> {
  await page.route("**/chart-test", (route) => route.fulfill({ contentType: "text/html", body: PAGE }));
  await page.goto("/chart-test");
  await page.evaluate(async (json) => {
    const source = "/pkg/charts.js";
    const charts = await import(source);
    const frame = () => new Promise(requestAnimationFrame);
    window.clicks = [];
    window.drawn = async () => {
      // A change of size or of an attribute is reported a moment after it has happened.
      for (let i = 0; i < 4; i += 1) await frame();
    };
    window.pixels = (red, green, blue) => {
      const canvas = document.querySelector("canvas")!;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        const distance =
          Math.abs(data[i]! - red) + Math.abs(data[i + 1]! - green) + Math.abs(data[i + 2]! - blue);
        if (data[i + 3]! > 200 && distance < 24) count += 1;
      }
      return count;
    };
    window.chart = charts.mount(document.querySelector("#box"), "group", (...click: [string, number, string]) =>
      window.clicks.push(click),
    );
    window.chart.update(json);
    await window.drawn();
  }, JSON.stringify(option));
}

test("a chart follows the size of its box", async ({ page }) => {
  await mount(page);
  for (const width of [600, 900, 320]) {
    await page.locator("#box").evaluate(async (box, width) => {
      box.style.width = `${width}px`;
      await window.drawn();
    }, width);
    expect((await page.locator("canvas").boundingBox())?.width).toBe(width);
  }
});

test("a chart in a closed panel draws itself when the panel opens", async ({ page }) => {
  await mount(page);
  await page.evaluate(async (json) => {
    window.chart.dispose();
    const box = document.querySelector<HTMLElement>("#box")!;
    box.hidden = true;
    const source = "/pkg/charts.js";
    window.chart = (await import(source)).mount(box);
    window.chart.update(json);
    await window.drawn();
  }, JSON.stringify(line()));
  await expect(page.locator("canvas")).toHaveCount(0);
  await page.locator("#box").evaluate((box) => box.removeAttribute("hidden"));
  await expect(page.locator("canvas")).toBeVisible();
});

test("colours are the style sheet's, and change with the theme", async ({ page }) => {
  await mount(page);
  expect(await page.evaluate(() => window.pixels(250, 0, 0))).toBeGreaterThan(500);
  const { red, blue } = await page.evaluate(async () => {
    document.documentElement.dataset.theme = "dark";
    await window.drawn();
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    probe.fillStyle = "oklch(0.6 0.2 260)";
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    return { red: window.pixels(250, 0, 0), blue: window.pixels(r!, g!, b!) };
  });
  expect(red).toBe(0);
  expect(blue).toBeGreaterThan(500);
});

test("the reader's zoom outlives updates and a change of theme", async ({ page }) => {
  await mount(page);
  const picture = () => page.evaluate(() => window.chart.png());
  const asked = await picture();

  const box = (await page.locator("#box").boundingBox())!;
  await page.mouse.move(box.x + 300, box.y + 150);
  await page.mouse.wheel(0, -400);
  await page.mouse.move(box.x + 300, box.y + 400);
  await page.evaluate(() => window.drawn());
  const zoomed = await picture();
  expect(zoomed).not.toBe(asked);

  await page.evaluate(async (json) => {
    window.chart.update(json);
    await window.drawn();
  }, JSON.stringify(line()));
  expect(await picture()).toBe(zoomed);

  await page.evaluate(async () => {
    document.documentElement.dataset.theme = "dark";
    await window.drawn();
    delete document.documentElement.dataset.theme;
    await window.drawn();
  });
  expect(await picture()).toBe(zoomed);

  await page.evaluate(async () => {
    window.chart.resetZoom();
    await window.drawn();
  });
  const whole = await picture();
  expect(whole).not.toBe(zoomed);
  expect(whole).not.toBe(asked);
});

test("a series that an update leaves out goes", async ({ page }) => {
  await mount(page);
  await page.evaluate(async (json) => {
    window.chart.update(json);
    await window.drawn();
  }, JSON.stringify(line({ series: [] })));
  expect(await page.evaluate(() => window.pixels(250, 0, 0))).toBe(0);
});

test("a click on a point says which it was", async ({ page }) => {
  const series = [{ id: "trades", type: "scatter", symbolSize: 60, data: [{ name: "entry 7", value: [25, 0] }] }];
  const axis = (max: number) => ({ type: "value", min: -max, max });
  await mount(page, { xAxis: { type: "value", min: 0, max: 50 }, yAxis: axis(1), series });
  const box = (await page.locator("#box").boundingBox())!;
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  expect(await page.evaluate(() => window.clicks)).toEqual([["trades", 0, "entry 7"]]);
});

test("formatters are named: numbers, percent, units, times", async ({ page }) => {
  const seen = async (formatter: string, value: number) => {
    const tooltip = { trigger: "item", valueFormatter: formatter, triggerOn: "click" };
    const series = [{ id: "a", type: "scatter", symbolSize: 60, data: [[25, value]] }];
    const yAxis = { type: "value", min: value - 1, max: value + 1 };
    await mount(page, { xAxis: { type: "value", min: 0, max: 50 }, yAxis, tooltip, series });
    const box = (await page.locator("#box").boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    return page.locator("#box").innerText();
  };
  expect(await seen("@number:2:USDT", 1234.5)).toContain("1,234.50\u00a0USDT");
  expect(await seen("@percent:1", 0.0523)).toContain("5.2%");
  expect(await seen("@compact", 1_234_567)).toContain("1.2M");
});

test("a chart that is taken out leaves nothing behind", async ({ page }) => {
  await mount(page);
  const left = await page.locator("#box").evaluate(async (box) => {
    window.chart.update("{}");
    window.chart.dispose();
    await window.drawn();
    return box.childElementCount;
  });
  expect(left).toBe(0);
});
