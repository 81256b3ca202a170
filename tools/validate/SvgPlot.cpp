//===- SvgPlot.cpp - Plots as inline SVG ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/SvgPlot.h"

#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace gossamer::tools {

namespace {

constexpr double width = 640, height = 300;
constexpr double left = 64, right = 16, top = 34, bottom = 44;

std::string number(double value, const char *format = "%.1f") {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

/// Maps values of one axis to its place on the paper.
class Axis {
public:
  Axis(bool isLog, double from, double to)
      : isLog_(isLog), from_(from), to_(to) {}

  void include(double value) {
    if (!std::isfinite(value) || (isLog_ && !(value > 0)))
      return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  /// Settles the range once all values are known.
  void settle() {
    if (!(low_ <= high_))
      low_ = isLog_ ? 0.1 : 0, high_ = 1;
    if (isLog_) {
      low_ = std::pow(10, std::floor(std::log10(low_)));
      high_ = std::pow(10, std::ceil(std::log10(high_)));
      if (low_ == high_)
        high_ *= 10;
      return;
    }
    low_ = std::min(low_, 0.0);
    if (low_ == high_)
      high_ = low_ + 1;
    high_ = std::ceil(high_ / step()) * step();
  }
  double place(double value) const {
    if (std::isnan(value))
      value = high_;
    value = std::clamp(value, low_, high_);
    double part = isLog_ ? std::log(value / low_) / std::log(high_ / low_)
                         : (value - low_) / (high_ - low_);
    return from_ + part * (to_ - from_);
  }
  std::vector<double> ticks() const {
    std::vector<double> result;
    if (!isLog_) {
      int count = static_cast<int>(std::floor((high_ - low_) / step() + 1e-9));
      for (int i = 0; i <= count; ++i)
        result.push_back(low_ + i * step());
      return result;
    }
    int first = static_cast<int>(std::lround(std::log10(low_)));
    int last = static_cast<int>(std::lround(std::log10(high_)));
    int decades = (last - first + 7) / 8;
    for (int power = first; power <= last; power += decades)
      result.push_back(std::pow(10, power));
    return result;
  }

private:
  /// A round distance that gives about six ticks.
  double step() const {
    double raw = (high_ - low_) / 6;
    double power = std::pow(10, std::floor(std::log10(raw)));
    for (double factor : {1.0, 2.0, 5.0})
      if (raw <= factor * power)
        return factor * power;
    return 10 * power;
  }

  bool isLog_;
  double from_, to_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

/// Both axes, and what is drawn so far.
class Paper {
public:
  explicit Paper(const Plot &plot)
      : plot_(plot), x_(plot.isLogX, left, width - right),
        y_(plot.isLogY, height - bottom, top) {
    for (const PlotSeries &series : plot.series)
      for (auto [x, y] : series.points) {
        x_.include(x);
        y_.include(y);
      }
    for (const auto &[name, value] : plot.limits)
      y_.include(value);
    x_.settle();
    y_.settle();
  }

  std::string draw() {
    out_ = "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 640 300\" "
           "aria-label=\"" +
           escapeHtml(plot_.title) + "\">\n";
    text(left, 16, "title", plot_.title, "start");
    drawAxes();
    for (const auto &[name, value] : plot_.limits)
      drawLimit(name, value);
    double legend = width - right;
    for (size_t i = plot_.series.size(); i-- > 0;)
      drawSeries(i, legend);
    return out_ + "</svg>\n";
  }

private:
  void line(double x1, double y1, double x2, double y2, const char *kind) {
    out_ += "<line class=\"" + std::string(kind) + "\" x1=\"" + number(x1) +
            "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" +
            number(y2) + "\"/>\n";
  }
  void text(double x, double y, const std::string &kind,
            const std::string &words, const char *anchor) {
    out_ += "<text class=\"" + kind + "\" x=\"" + number(x) + "\" y=\"" +
            number(y) + "\" text-anchor=\"" + anchor + "\">" +
            escapeHtml(words) + "</text>\n";
  }

  void drawAxes() {
    for (double tick : y_.ticks()) {
      line(left, y_.place(tick), width - right, y_.place(tick), "grid");
      text(left - 6, y_.place(tick) + 4, "tick", number(tick, "%g"), "end");
    }
    for (double tick : x_.ticks()) {
      line(x_.place(tick), top, x_.place(tick), height - bottom, "grid");
      text(x_.place(tick), height - bottom + 16, "tick", number(tick, "%g"),
           "middle");
    }
    text((left + width - right) / 2, height - 8, "label", plot_.xLabel,
         "middle");
    out_ += "<text class=\"label\" text-anchor=\"middle\" "
            "transform=\"translate(13 " +
            number((top + height - bottom) / 2) + ") rotate(-90)\">" +
            escapeHtml(plot_.yLabel) + "</text>\n";
  }

  void drawLimit(const std::string &name, double value) {
    line(left, y_.place(value), width - right, y_.place(value), "limit");
    text(width - right - 4, y_.place(value) - 4, "limit-name", name, "end");
  }

  void drawSeries(size_t index, double &legend) {
    const PlotSeries &series = plot_.series[index];
    std::string kind = "series-" + std::to_string(index);
    if (series.isLine) {
      out_ += "<polyline class=\"" + kind + " line\" points=\"";
      for (auto [x, y] : series.points)
        out_ += number(x_.place(x)) + "," + number(y_.place(y)) + " ";
      out_ += "\"/>\n";
    }
    for (size_t i = 0; i < series.points.size(); ++i) {
      auto [x, y] = series.points[i];
      out_ += "<circle class=\"" + kind + "\" r=\"2.5\" cx=\"" +
              number(x_.place(x)) + "\" cy=\"" + number(y_.place(y)) + "\">";
      out_ += "<title>" +
              escapeHtml(i < series.labels.size()
                             ? series.labels[i]
                             : number(x, "%g") + ": " + number(y, "%.3g")) +
              "</title></circle>\n";
    }
    if (series.name.empty())
      return;
    text(legend, 16, kind + " name", series.name, "end");
    // About the width of the words, which only a browser knows.
    legend -= 6.5 * static_cast<double>(series.name.size()) + 16;
  }

  const Plot &plot_;
  Axis x_, y_;
  std::string out_;
};

} // namespace

std::string escapeHtml(std::string_view text) {
  std::string storage, out;
  for (char byte : repairUtf8(text, storage)) {
    if (byte == '<')
      out += "&lt;";
    else if (byte == '>')
      out += "&gt;";
    else if (byte == '&')
      out += "&amp;";
    else if (byte == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(byte) < 0x20 && byte != '\n')
      out += "\xEF\xBF\xBD";
    else
      out += byte;
  }
  return out;
}

std::string Plot::print() const {
  bool isEmpty = std::ranges::all_of(
      series, [](const PlotSeries &each) { return each.points.empty(); });
  return isEmpty ? "" : Paper(*this).draw();
}

} // namespace gossamer::tools
