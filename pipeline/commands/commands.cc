#include "pipeline/commands/commands.h"

#include <array>

namespace avsr::pipeline {

std::span<const Command> all_commands() {
  static constexpr std::array kCommands{
      Command{"synthesize", "make a corpus of drawn talking faces", run_synthesize, false},
      Command{"prepare", "videos -> packed clips (mouth crops and sound) and a quality report", run_prepare, false},
      Command{"train", "train the networks of a recipe, stage by stage", run_train, true},
      Command{"tune", "random search for a recipe's hyper-parameters, on the validation set", run_tune, true},
      Command{"cross-validate", "train and test a recipe on folds of the clips or speakers", run_cross_validate, true},
      Command{"evaluate", "accuracy of models on a split, clean and in noise", run_evaluate, true},
      Command{"compare", "what changed between two evaluations, and whether by more than chance", run_compare, false},
      Command{"transcribe", "videos -> text, times and subtitles", run_transcribe, true},
      Command{"align", "when each word of a known text was said in a media file", run_align, true},
      Command{"inspect", "say what a model, a media file or a prepared folder is", run_inspect, false},
      Command{"extract", "a layer's features of every clip -> NumPy arrays or safetensors", run_extract, true},
      Command{"compact", "a model with weights of 8 bits, a quarter as large", run_compact, false},
      Command{"import", "public PyTorch checkpoints -> a model of this program", run_import, false},
      Command{"recipes", "list or print the built-in recipes", run_recipes, false},
  };
  return kCommands;
}

}  // namespace avsr::pipeline
