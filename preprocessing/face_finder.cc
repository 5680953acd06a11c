#include "preprocessing/face_finder.h"

#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace avsr::preprocessing {

struct FaceModel::Data {
  dlib::frontal_face_detector detector;  // copied into each finder: running it changes it
  dlib::shape_predictor landmarks;
};

FaceModel::FaceModel(std::unique_ptr<Data> data) : data_(std::move(data)) {}
FaceModel::~FaceModel() = default;

std::shared_ptr<const FaceModel> FaceModel::load(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw std::runtime_error(fmt::format(
        "[face model] no file {}: expected the 68-point landmark model; install Debian's libdlib-data or name its path",
        path));
  }
  auto data = std::make_unique<Data>();
  try {
    dlib::deserialize(path) >> data->landmarks;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("[face model] {} is not a landmark model: {}", path, error.what()));
  }
  if (data->landmarks.num_parts() != std::tuple_size_v<Landmarks>) {
    throw std::runtime_error(fmt::format("[face model] {} has {} points, expected {}", path,
                                         data->landmarks.num_parts(), std::tuple_size_v<Landmarks>));
  }
  data->detector = dlib::get_frontal_face_detector();
  return std::shared_ptr<const FaceModel>(new FaceModel(std::move(data)));
}

namespace {

using Image = dlib::array2d<unsigned char>;

cv::Mat view(const Image& image) {
  // OpenCV has no view of constant memory; callers only read through this one.
  auto* data = const_cast<unsigned char*>(&image[0][0]);
  return {static_cast<int>(image.nr()), static_cast<int>(image.nc()), CV_8U, data};
}

// Two grids of one picture, some 40 x 40 samples.
std::vector<uint8_t> coarse_grid(const Image& image) {
  constexpr long kSamples = 40;
  const long rows = std::min(kSamples, image.nr()), columns = std::min(kSamples, image.nc());
  std::vector<uint8_t> grid;
  grid.reserve(rows * columns);
  for (long r = 0; r < rows; ++r) {
    for (long c = 0; c < columns; ++c) grid.push_back(image[r * image.nr() / rows][c * image.nc() / columns]);
  }
  return grid;
}

constexpr double kNearSide = 100;    // pixels of the expected face when looked for nearby; the detector's window is 80
constexpr double kNearMargin = 1.9;  // the part of the image looked at, in sides of the expected face
constexpr int kPatchSide = 16;

}  // namespace

double overlap(const FaceBox& a, const FaceBox& b) {
  const auto shared = [](double p, double q, double side_p, double side_q) {
    return std::min(p + side_p / 2, q + side_q / 2) - std::max(p - side_p / 2, q - side_q / 2);
  };
  const double w = shared(a.x, b.x, a.side, b.side), h = shared(a.y, b.y, a.side, b.side);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a.side * a.side + b.side * b.side - w * h);
}

double likeness(const FacePatch& a, const FacePatch& b) {
  return a.size() == b.size() ? std::inner_product(a.begin(), a.end(), b.begin(), 0.0) : 0;
}

struct FaceFinder::State {
  explicit State(std::shared_ptr<const FaceModel> face_model)
      : model(std::move(face_model)), detector(model->data().detector) {}

  cv::Rect whole() const { return {0, 0, static_cast<int>(image.nc()), static_cast<int>(image.nr())}; }
  // What the whole picture is resized by to be searched at this size.
  double search_scale(int long_side) const {
    return std::min(2.0, static_cast<double>(long_side) / static_cast<double>(std::max(image.nc(), image.nr())));
  }
  // Boxes in the part of the picture, resized by `scale`, given back in source pixels.
  std::vector<FaceBox> detect(const cv::Rect& part, double scale);

  std::shared_ptr<const FaceModel> model;
  dlib::frontal_face_detector detector;
  Image image, reduced;
  std::vector<uint8_t> grid;
  double change = 0;
};

std::vector<FaceBox> FaceFinder::State::detect(const cv::Rect& part, double scale) {
  const int width = std::max(1, static_cast<int>(std::lround(part.width * scale)));
  const int height = std::max(1, static_cast<int>(std::lround(part.height * scale)));
  reduced.set_size(height, width);
  cv::Mat target = view(reduced);
  cv::resize(view(image)(part), target, target.size(), 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  std::vector<FaceBox> boxes;
  for (const dlib::rectangle& r : detector(reduced)) {
    const double x = (r.left() + r.right() + 1) / 2.0 / scale, y = (r.top() + r.bottom() + 1) / 2.0 / scale;
    boxes.push_back({part.x + x - 0.5, part.y + y - 0.5, static_cast<double>(r.width()) / scale});
  }
  return boxes;
}

FaceFinder::FaceFinder(std::shared_ptr<const FaceModel> model) : state_(std::make_unique<State>(std::move(model))) {}
FaceFinder::~FaceFinder() = default;

void FaceFinder::look_at(const uint8_t* pixels, int height, int width) {
  State& s = *state_;
  s.image.set_size(height, width);
  std::memcpy(&s.image[0][0], pixels, static_cast<size_t>(height) * width);
  std::vector<uint8_t> grid = coarse_grid(s.image);
  s.change = 0;
  if (grid.size() == s.grid.size()) {
    for (size_t i = 0; i < grid.size(); ++i) s.change += std::abs(int{grid[i]} - int{s.grid[i]});
    s.change /= static_cast<double>(grid.size());
  }
  s.grid = std::move(grid);
}

double FaceFinder::change() const { return state_->change; }

std::optional<FaceBox> FaceFinder::search(int long_side) {
  State& s = *state_;
  double tried = 0;
  for (const int side : {long_side, 2 * long_side}) {
    const double scale = s.search_scale(side);
    if (scale == tried) break;
    tried = scale;
    const std::vector<FaceBox> boxes = s.detect(s.whole(), scale);
    const auto largest = std::max_element(boxes.begin(), boxes.end(),
                                          [](const FaceBox& a, const FaceBox& b) { return a.side < b.side; });
    if (largest != boxes.end()) return *largest;
  }
  return std::nullopt;
}

std::vector<FaceBox> FaceFinder::search_all(int long_side) {
  State& s = *state_;
  std::vector<FaceBox> faces = s.detect(s.whole(), s.search_scale(long_side));
  if (s.search_scale(2 * long_side) != s.search_scale(long_side)) {
    const size_t large = faces.size();
    for (const FaceBox& box : s.detect(s.whole(), s.search_scale(2 * long_side))) {
      const bool known = std::any_of(faces.begin(), faces.begin() + static_cast<std::ptrdiff_t>(large),
                                     [&](const FaceBox& face) { return overlap(face, box) > 0.1; });
      if (!known) faces.push_back(box);
    }
  }
  std::stable_sort(faces.begin(), faces.end(), [](const FaceBox& a, const FaceBox& b) { return a.side > b.side; });
  return faces;
}

std::optional<FaceBox> FaceFinder::search_near(const FaceBox& expected) {
  State& s = *state_;
  const int half = static_cast<int>(std::ceil(expected.side * kNearMargin / 2));
  const cv::Rect around(static_cast<int>(std::lround(expected.x)) - half,
                        static_cast<int>(std::lround(expected.y)) - half, 2 * half, 2 * half);
  const cv::Rect part = around & cv::Rect(0, 0, static_cast<int>(s.image.nc()), static_cast<int>(s.image.nr()));
  if (part.empty()) return std::nullopt;
  const std::vector<FaceBox> boxes = s.detect(part, kNearSide / expected.side);
  const auto nearest = std::max_element(boxes.begin(), boxes.end(), [&](const FaceBox& a, const FaceBox& b) {
    return overlap(a, expected) < overlap(b, expected);
  });
  if (nearest == boxes.end()) return std::nullopt;
  return *nearest;
}

Landmarks FaceFinder::landmarks(const FaceBox& box) const {
  const auto edge = [](double centre, double offset) { return std::lround(centre + offset); };
  const dlib::rectangle rectangle(edge(box.x, -box.side / 2), edge(box.y, -box.side / 2), edge(box.x, box.side / 2) - 1,
                                  edge(box.y, box.side / 2) - 1);
  const dlib::full_object_detection found = state_->model->data().landmarks(state_->image, rectangle);
  Landmarks points;
  for (size_t i = 0; i < points.size(); ++i) {
    points[i] = {static_cast<float>(found.part(i).x()), static_cast<float>(found.part(i).y())};
  }
  return points;
}

FacePatch FaceFinder::patch(const FaceBox& box) const {
  const int side = std::max(1, static_cast<int>(std::lround(box.side)));
  const cv::Rect part = cv::Rect(static_cast<int>(std::lround(box.x - box.side / 2)),
                                 static_cast<int>(std::lround(box.y - box.side / 2)), side, side) &
                        state_->whole();
  if (part.empty()) return {};
  cv::Mat small, values;
  cv::resize(view(state_->image)(part), small, {kPatchSide, kPatchSide}, 0, 0, cv::INTER_AREA);
  small.convertTo(values, CV_32F);
  values -= cv::mean(values);
  values /= std::max(1e-6, cv::norm(values));
  return {values.begin<float>(), values.end<float>()};
}

}  // namespace avsr::preprocessing
