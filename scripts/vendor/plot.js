// The part of Observable Plot that figure.js draws with. Add a name here, then run build.sh.
export {
  areaY,
  axisX,
  axisY,
  barX,
  dot,
  gridX,
  gridY,
  lineY,
  plot,
  ruleX,
  ruleY,
} from "@observablehq/plot";
