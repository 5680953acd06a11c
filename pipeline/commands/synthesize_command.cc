// avsr synthesize: a corpus of drawn talking faces.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <optional>

#include "data_scripts/synthetic.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {

int run_synthesize(const Arguments& arguments) {
  namespace po = boost::program_options;
  data_scripts::SyntheticOptions synthetic;
  std::string out;
  po::options_description options("Options");
  options.add_options()("help,h", "this text")("out,o", po::value(&out)->required(), "folder to write to")(
      "words", po::value(&synthetic.words)->default_value(synthetic.words), "how many different words")(
      "train", po::value(&synthetic.train_clips)->default_value(synthetic.train_clips), "training clips of each word")(
      "val", po::value(&synthetic.val_clips)->default_value(synthetic.val_clips), "validation clips of each word")(
      "test", po::value(&synthetic.test_clips)->default_value(synthetic.test_clips), "test clips of each word")(
      "seed", po::value(&synthetic.seed)->default_value(synthetic.seed), "other seeds give other clips")(
      "workers,j", po::value(&synthetic.workers)->default_value(0), "threads (0: as many as cores)")(
      "flite", po::value(&synthetic.speech_program)->default_value(synthetic.speech_program), "the speech program");
  const Parsed parsed = parse_options(arguments, options, {}, {},
                                      "avsr synthesize --out DIR [OPTIONS]\n\nWrites a corpus of LRW layout in which "
                                      "drawn faces say words in context: 24 "
                                      "voices in training, 4\nothers in validation, 8 others in test. Needs the "
                                      "program flite. A stopped run goes on where "
                                      "it was.",
                                      "avsr synthesize --out videos && avsr prepare videos --out data --crop tracked");
  if (parsed.help) return 0;
  synthetic.out = out;
  std::optional<Progress> progress;
  int clips = 0;
  data_scripts::write_synthetic_corpus(synthetic, [&](int done, int total) {
    if (!progress) progress.emplace("synthesize", "clips", total);
    progress->update(done);
    clips = total;
  });
  if (progress) progress->finish();
  std::cout << fmt::format("{} clips of {} words in {}\n", clips, synthetic.words, out);
  return 0;
}

}  // namespace avsr::pipeline
