export * from "echarts/core";
