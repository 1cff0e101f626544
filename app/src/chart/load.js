// Kept out of the client's own bundle: the chart library is as large as the rest and most first views do without it.
export const loadCharts = () => import("/pkg/charts.js");
