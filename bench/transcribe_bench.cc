// Files to text: how many times faster than the recording runs, where the time goes, and the same with OpenCV, dlib and
// PyTorch (transcribe_rivals.py), in turns. Tables on the output, in Markdown.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/timing.h"
#include "io/atomic_file.h"
#include "io/media_reader.h"
#include "io/program.h"
#include "io/temporary_folder.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/device.h"
#include "pipeline/recognition/recognizer.h"
#include "preprocessing/mouth_stream.h"

namespace {

using namespace avsr;
namespace fs = std::filesystem;

struct Settings {
  std::string model, program, python, script = "bench/transcribe_rivals.py";
  std::vector<std::string> files;
  int repeats = 3, threads = 2;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds of `work`, added to `sum`.
template <typename Work>
void timed(double& sum, Work&& work) {
  const double start = now();
  work();
  sum += now() - start;
}

const std::vector<std::string> kStages{"decode", "face", "crop", "network", "rest"};
using Stages = std::map<std::string, double>;  // seconds

// The parts of our own way, each by itself on one thread but for the network.
class StageClock {
 public:
  explicit StageClock(const Settings& settings) : backend_(pipeline::open_device(choice(settings))) {
    recognizer_.emplace(*backend_, settings.model);
    rule_ = pipeline::crop_rule_from_json(recognizer_->rule().crop);
    if (!rule_.needs_face_model())
      throw std::invalid_argument(settings.model + ": expected a model of tracked mouth crops");
    face_model_ = preprocessing::FaceModel::load();
  }

  Stages measure(const std::string& file) {
    Stages stages;
    double tracking = 0, cropping = 0;
    track(file, stages["decode"], tracking);
    const io::Media media = crop(file, cropping);
    stages["face"] = tracking;
    stages["crop"] = std::max(0., cropping - tracking);
    timed(stages["network"], [&] { recognise(media); });
    return stages;
  }

 private:
  static pipeline::DeviceChoice choice(const Settings& settings) {
    pipeline::DeviceChoice choice;
    choice.name = "cpu";
    choice.threads = settings.threads;
    return choice;
  }

  void track(const std::string& file, double& decoding, double& tracking) {
    preprocessing::FaceTracker tracker(face_model_, rule_.tracked.tracker);
    io::MediaReader reader = io::MediaReader::open(file);
    io::MediaChunk chunk;
    for (bool more = true; more;) {
      timed(decoding, [&] { more = reader.next_chunk(chunk); });
      timed(tracking, [&] {
        for (int t = 0; t < chunk.frames.count; ++t)
          tracker.push(chunk.frames.frame(t), chunk.frames.height, chunk.frames.width);
      });
    }
    timed(tracking, [&] { tracker.finish(); });
  }

  // Crops and sound of the whole file.
  io::Media crop(const std::string& file, double& seconds) {
    io::Media media;
    const int size = rule_.tracked.size;
    media.frames = {0, size, size, {}};
    preprocessing::MouthStream stream(face_model_, rule_.tracked, [&](preprocessing::MouthFrame&& frame) {
      ++media.frames.count;
      media.frames.pixels.insert(media.frames.pixels.end(), frame.crop.begin(), frame.crop.end());
    });
    io::MediaReader reader = io::MediaReader::open(file);
    io::MediaChunk chunk;
    while (reader.next_chunk(chunk)) {
      media.audio.samples.insert(media.audio.samples.end(), chunk.audio.samples.begin(), chunk.audio.samples.end());
      timed(seconds, [&] {
        for (int t = 0; t < chunk.frames.count; ++t)
          stream.push(chunk.frames.frame(t), chunk.frames.height, chunk.frames.width);
      });
    }
    timed(seconds, [&] { stream.finish(); });
    return media;
  }

  // As `avsr transcribe` does by default: a window around every second frame, 32 at a time.
  void recognise(const io::Media& media) {
    const int length = recognizer_->rule().window_frames;
    std::vector<pipeline::Stretch> batch;
    for (int start = 0; start + length <= media.frames.count; start += 2) {
      pipeline::Stretch stretch;
      stretch.mouth = {length, media.frames.height, media.frames.width, {}};
      stretch.mouth.pixels.assign(media.frames.frame(start), media.frames.frame(start + length));
      const auto first = media.audio.samples.begin() + static_cast<std::ptrdiff_t>(start) * io::kSamplesPerFrame;
      stretch.audio.samples.assign(first, first + static_cast<std::ptrdiff_t>(length) * io::kSamplesPerFrame);
      batch.push_back(std::move(stretch));
      if (batch.size() == 32) recognizer_->probabilities(batch), batch.clear();
    }
    recognizer_->probabilities(batch);
  }

  std::unique_ptr<backend::Backend> backend_;
  std::optional<pipeline::Recognizer> recognizer_;
  pipeline::CropRule rule_;
  std::shared_ptr<const preprocessing::FaceModel> face_model_;
};

// A run on one file: seconds for the file itself, and those for starting and for loading models.
struct Run {
  double file = 0, start = 0;
};

Run run_program_on(const Settings& settings, const std::string& file) {
  const io::TemporaryFolder out;
  double seconds = 0;
  timed(seconds, [&] {
    io::run_program({settings.program, "transcribe", settings.model, file, "--out", out / "text", "--format", "json",
                     "--device", "cpu", "--threads", std::to_string(settings.threads)});
  });
  const auto summary = nlohmann::json::parse(io::read_text_file(out / "text/summary.json"));
  const double on_file = summary.at("this_run").at("seconds");
  return {on_file, seconds - on_file};
}

struct Row {
  std::string name, remark;
  std::vector<double> seconds, starts;
  std::map<std::string, std::vector<double>> stages;

  void add(const Run& run, const Stages& parts) {
    seconds.push_back(run.file);
    starts.push_back(run.start);
    for (const auto& [stage, value] : parts) stages[stage].push_back(value);
  }
};

void run_rival(const Settings& settings, const std::string& kind, const std::string& file, Row& row) {
  double seconds = 0;
  std::string output;
  timed(seconds, [&] {
    output = io::run_program({settings.python, settings.script, "--model", settings.model, "--row", kind, "--threads",
                              std::to_string(settings.threads), file});
  });
  const nlohmann::json json = nlohmann::json::parse(output);
  const double on_file = json.at("seconds");
  row.add({on_file, seconds - on_file}, json.at("stages").get<Stages>());
}

std::string cell(const Row& row, const std::string& stage) {
  const auto found = row.stages.find(stage);
  return found == row.stages.end() ? "" : fmt::format("{:.2f}", bench::median(found->second));
}

void print(const std::string& file, double video_seconds, int height, int width, const std::vector<Row>& rows) {
  std::cout << fmt::format(
      "\n{}: {:.1f} s of {} x {}\n\n| row | seconds | x real time | {} | ours is faster by | starting |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n",
      fs::path(file).filename().string(), video_seconds, width, height, "decode | face | crop | network | rest");
  const double ours = bench::median(rows[0].seconds);
  for (const Row& row : rows) {
    const double seconds = bench::median(row.seconds);
    std::cout << fmt::format("| {} | {:.2f} | {:.1f} |", row.name, seconds, video_seconds / seconds);
    for (const std::string& stage : kStages) std::cout << fmt::format(" {} |", cell(row, stage));
    std::cout << (&row == rows.data() ? " |" : fmt::format(" {:.2f}x |", seconds / ours))
              << fmt::format(" {:.2f} |\n", bench::median(row.starts));
  }
  std::cout << std::flush;
}

void bench_file(const Settings& settings, StageClock& clock, const std::string& file) {
  double video_seconds = 0;
  int height = 0, width = 0;
  {
    const io::MediaReader reader = io::MediaReader::open(file);
    video_seconds = reader.info().duration_seconds;
    height = reader.info().height;
    width = reader.info().width;
  }
  std::vector<Row> rows{{"avsr transcribe", "", {}, {}, {}}};
  if (!settings.python.empty()) {
    rows.push_back({"Python, detector on every frame", "every-frame", {}, {}, {}});
    rows.push_back({"Python, our stride and size", "our-stride", {}, {}, {}});
  }
  for (int repeat = 0; repeat < settings.repeats; ++repeat)
    for (Row& row : rows) {
      std::cerr << fmt::format("{}: {} {}/{}\n", fs::path(file).filename().string(), row.name, repeat + 1,
                               settings.repeats);
      if (!row.remark.empty()) {
        run_rival(settings, row.remark, file, row);
        continue;
      }
      const Run run = run_program_on(settings, file);
      Stages stages = clock.measure(file);
      double parts = 0;
      for (const auto& [stage, value] : stages) parts += value;
      stages["rest"] = run.file - parts;  // below 0 where parts run side by side
      row.add(run, stages);
    }
  print(file, video_seconds, height, width, rows);
}

int run(int count, char** values) {
  namespace po = boost::program_options;
  Settings settings;
  po::options_description options("transcribe_bench --model MODEL --program AVSR FILE… [options]");
  options.add_options()("help,h", "")("model", po::value(&settings.model)->required())(
      "program", po::value(&settings.program)->required(), "build/release/pipeline/avsr")(
      "python", po::value(&settings.python), "with torch, opencv and dlib; none: our own rows alone")(
      "script", po::value(&settings.script), "transcribe_rivals.py")("repeats", po::value(&settings.repeats))(
      "threads", po::value(&settings.threads))("files", po::value(&settings.files));
  po::positional_options_description positions;
  positions.add("files", -1);
  po::variables_map parsed;
  po::store(po::command_line_parser(count, values).options(options).positional(positions).run(), parsed);
  if (parsed.count("help") || !parsed.count("files")) {
    std::cerr << options << "\n";
    return 2;
  }
  po::notify(parsed);
  StageClock clock(settings);
  for (const std::string& file : settings.files) bench_file(settings, clock, file);
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(count, values);
  } catch (const std::exception& error) {
    std::cerr << "transcribe_bench: " << error.what() << "\n";
    return 1;
  }
}
