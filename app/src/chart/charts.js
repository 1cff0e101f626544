// The chart library as the pages use it: of ECharts what is drawn somewhere, and a small owner around each instance.
// Becomes /pkg/charts.js and is loaded when the first chart is shown.

import { BarChart, CandlestickChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AxisPointerComponent,
  DataZoomInsideComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
} from "echarts/components";
import { connect, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  AxisPointerComponent,
  BarChart,
  CandlestickChart,
  CanvasRenderer,
  DataZoomInsideComponent,
  GridComponent,
  LegendComponent,
  LineChart,
  MarkLineComponent,
  ScatterChart,
  TooltipComponent,
]);

// ── Colours: an option says `var(--gain)`, the canvas gets what the style sheet makes of it now. ────────────────────

/** Resolves CSS colours, `var()`, `light-dark()` and `color-mix()` included, to what a canvas and ECharts understand. */
class Palette {
  #probe;
  #canvas;
  #known = new Map();

  constructor(element) {
    this.#probe = element.ownerDocument.createElement("span");
    this.#probe.hidden = true;
    element.append(this.#probe);
    const canvas = element.ownerDocument.createElement("canvas");
    canvas.width = canvas.height = 1;
    this.#canvas = canvas.getContext("2d", { willReadFrequently: true });
  }

  color(css) {
    let color = this.#known.get(css);
    if (color === undefined) {
      this.#probe.style.color = "";
      this.#probe.style.color = css;
      color = this.#plain(getComputedStyle(this.#probe).color);
      this.#known.set(css, color);
    }
    return color;
  }

  font() {
    return getComputedStyle(this.#probe).fontFamily;
  }

  /** Whether a style sheet now makes something else of any colour that was asked for. */
  isStale() {
    const known = this.#known;
    this.#known = new Map();
    return [...known].some(([css, color]) => this.color(css) !== color);
  }

  close() {
    this.#probe.remove();
  }

  // A style sheet may answer in oklch(); ECharts reads rgb() only where it mixes colours itself.
  #plain(color) {
    if (/^rgba?\(/.test(color)) return color;
    this.#canvas.clearRect(0, 0, 1, 1);
    this.#canvas.fillStyle = color;
    this.#canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = this.#canvas.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${(alpha / 255).toFixed(3)})`;
  }
}

/** What an option leaves open, in the page's own colours. */
function themeOf(palette) {
  const text = palette.color("var(--chart-text, currentColor)");
  const muted = palette.color("var(--chart-muted, var(--chart-text, currentColor))");
  const grid = palette.color("var(--chart-grid, color-mix(in srgb, currentColor 14%, transparent))");
  const surface = palette.color("var(--chart-surface, Canvas)");
  const accent = palette.color("var(--chart-1, #4c8dff)");
  const gain = palette.color("var(--gain, #1f9d72)");
  const loss = palette.color("var(--loss, #d9534f)");
  const series = [1, 2, 3, 4, 5, 6].map((n) => palette.color(`var(--chart-${n}, ${FALLBACK_SERIES[n - 1]})`));
  const axis = {
    axisLine: { lineStyle: { color: grid } },
    axisTick: { lineStyle: { color: grid } },
    axisLabel: { color: muted },
    nameTextStyle: { color: muted },
    splitLine: { lineStyle: { color: grid } },
  };
  return {
    color: series,
    backgroundColor: "transparent",
    textStyle: { color: text, fontFamily: palette.font() },
    categoryAxis: axis,
    logAxis: axis,
    timeAxis: axis,
    valueAxis: axis,
    legend: { textStyle: { color: text }, inactiveColor: muted },
    tooltip: {
      confine: true,
      backgroundColor: surface,
      borderColor: grid,
      borderWidth: 1,
      textStyle: { color: text, fontSize: 12 },
      transitionDuration: 0,
      axisPointer: { lineStyle: { color: muted }, crossStyle: { color: muted } },
    },
    axisPointer: { lineStyle: { color: muted }, label: { color: text, backgroundColor: surface, borderColor: grid, borderWidth: 1 } },
    dataZoom: {
      borderColor: grid,
      textStyle: { color: muted },
      handleStyle: { color: surface, borderColor: muted },
      moveHandleStyle: { color: muted },
      fillerColor: palette.color("color-mix(in srgb, var(--chart-1, #4c8dff) 18%, transparent)"),
      dataBackground: { lineStyle: { color: muted }, areaStyle: { color: grid } },
      selectedDataBackground: { lineStyle: { color: accent }, areaStyle: { color: accent } },
    },
    visualMap: { textStyle: { color: muted } },
    candlestick: { itemStyle: { color: gain, color0: loss, borderColor: gain, borderColor0: loss } },
    line: { symbol: "none", lineStyle: { width: 1.5 } },
  };
}

const FALLBACK_SERIES = ["#4c8dff", "#d98a2b", "#8a6fe8", "#2fa39a", "#c65b94", "#7d8896"];

// ── Numbers: an option names its formatter, as JSON holds no functions and the page's policy allows no eval. ────────

const language = () => document.documentElement.lang || undefined;

/** `@number:2`, `@number:2:USDT`, `@percent:1`, `@compact`, `@time`, `@date`. */
function formatterOf(name) {
  const [kind, digits, unit] = name.slice(1).split(":");
  const fixed = { minimumFractionDigits: Number(digits ?? 2), maximumFractionDigits: Number(digits ?? 2) };
  const suffix = unit ? `\u00a0${unit}` : "";
  const formats = {
    number: () => number(fixed, suffix),
    percent: () => number({ style: "percent", ...fixed }, ""),
    compact: () => number({ notation: "compact", maximumFractionDigits: 1 }, suffix),
    time: () => time({ dateStyle: "medium", timeStyle: "medium" }),
    date: () => time({ dateStyle: "medium" }),
  };
  const format = formats[kind]?.();
  // An axis hands over the bare value, a label or a cross-hair an object around it.
  return format && ((given) => format(given !== null && typeof given === "object" && "value" in given ? given.value : given));
}

function number(options, suffix) {
  const format = new Intl.NumberFormat(language(), options);
  return (value) => {
    const last = Array.isArray(value) ? value[value.length - 1] : value;
    return last === null || last === undefined || last === "-" ? "–" : format.format(last) + suffix;
  };
}

function time(options) {
  const format = new Intl.DateTimeFormat(language(), options);
  return (value) => format.format(new Date(value));
}

/** Puts colours and formatters where the option only names them. Works in place. */
function resolve(value, palette) {
  if (typeof value === "number") return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) value[i] = resolve(value[i], palette);
  } else if (value !== null && typeof value === "object") {
    for (const key of Object.keys(value)) {
      const inner = value[key];
      if (typeof inner === "string" && inner.startsWith("@") && /formatter$/i.test(key)) {
        value[key] = formatterOf(inner) ?? inner;
      } else {
        value[key] = resolve(inner, palette);
      }
    }
  } else if (typeof value === "string" && /^(var|color-mix|light-dark)\(/.test(value)) {
    return palette.color(value);
  }
  return value;
}

// ── One chart. ──────────────────────────────────────────────────────────────────────────────────────────────────────

const mounted = new Set();

const RANGE = ["start", "end", "startValue", "endValue"];

class Chart {
  #element;
  #group;
  #select;
  // ECharts empties the element it is given, so it gets one of its own.
  #canvas = document.createElement("div");
  #palette;
  #chart;
  #sized;
  #frame = 0;
  #json;
  #fresh = true;
  #restyled = false;
  #ranges = "";
  #zoomed;

  constructor(element, group, select) {
    this.#element = element;
    this.#group = group;
    this.#select = select;
    // Out of the flow: the drawing follows the size of the element, never the other way round.
    element.style.position = "relative";
    Object.assign(this.#canvas.style, { position: "absolute", inset: "0" });
    element.append(this.#canvas);
    this.#palette = new Palette(element);
    this.#sized = new ResizeObserver(() => this.#schedule());
    this.#sized.observe(element);
    mounted.add(this);
  }

  /** Shows an option, given as JSON. Many in one frame are one update: the last. */
  update(json) {
    this.#json = json;
    this.#fresh = true;
    this.#schedule();
  }

  /** Looks at the colours of the page again. */
  restyle() {
    this.#restyled = true;
    this.#schedule();
  }

  /** Shows everything from the first point to the last. */
  resetZoom() {
    const count = this.#chart?.getOption().dataZoom?.length ?? 0;
    for (let dataZoomIndex = 0; dataZoomIndex < count; dataZoomIndex += 1) {
      this.#chart.dispatchAction({ type: "dataZoom", dataZoomIndex, start: 0, end: 100 });
    }
  }

  /** The chart as it is drawn now, as the address of a PNG. */
  png() {
    const backgroundColor = this.#palette.color("var(--chart-surface, Canvas)");
    return this.#chart?.getDataURL({ type: "png", pixelRatio: 2, backgroundColor });
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.#sized.disconnect();
    mounted.delete(this);
    this.#chart?.dispose();
    this.#chart = undefined;
    this.#select = undefined;
    this.#palette.close();
    this.#canvas.remove();
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    // In a closed tab or a folded panel; its size will be reported when it opens.
    if (width === 0 || height === 0 || this.#json === undefined) return;

    const stale = this.#restyled && this.#palette.isStale();
    this.#restyled = false;
    if (!this.#chart || stale) {
      this.#create(width, height);
      this.#fresh = true;
    } else if (this.#chart.getWidth() !== width || this.#chart.getHeight() !== height) {
      this.#chart.resize({ width, height });
    }
    if (this.#fresh) {
      this.#fresh = false;
      this.#apply(resolve(JSON.parse(this.#json), this.#palette));
    }
  }

  // The colours of a theme are fixed at birth, so a change of theme is a new instance that looks where the old one did.
  #create(width, height) {
    this.#zoomed = this.#chart?.getOption().dataZoom?.map(({ start, end }) => ({ start, end }));
    this.#chart?.dispose();
    this.#chart = init(this.#canvas, themeOf(this.#palette), { renderer: "canvas", width, height });
    this.#chart.on("click", ({ seriesId, dataIndex, name }) => {
      this.#select?.(seriesId ?? "", dataIndex ?? 0, name ?? "");
    });
    if (this.#group) {
      this.#chart.group = this.#group;
      connect(this.#group);
    }
  }

  #apply(option) {
    const zooms = [option.dataZoom ?? []].flat();
    // The range that an option asks for counts once; after that the reader's own zoom stays.
    const ranges = JSON.stringify(zooms.map((zoom) => RANGE.map((key) => zoom[key])));
    const asked = ranges !== this.#ranges;
    this.#ranges = ranges;
    zooms.forEach((zoom, index) => {
      if (asked && !this.#zoomed) return;
      for (const key of RANGE) delete zoom[key];
      Object.assign(zoom, this.#zoomed?.[index]);
    });
    this.#zoomed = undefined;
    this.#chart.setOption({ animation: false, ...option }, { replaceMerge: ["series"] });
  }
}

/** Takes over an element. `group` links the cross-hairs of charts; `select(series, index, name)` hears of clicks. */
export function mount(element, group, select) {
  return new Chart(element, group, select);
}

const restyleAll = () => mounted.forEach((chart) => chart.restyle());
new MutationObserver(restyleAll).observe(document.documentElement, { attributes: true });
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"]) {
  matchMedia(query).addEventListener("change", restyleAll);
}
