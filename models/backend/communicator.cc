#include "models/backend/communicator.h"

namespace avsr::backend {

std::string Communicator::broadcast_text(std::string text) {
  size_t length = text.size();
  broadcast(std::as_writable_bytes(std::span(&length, 1)));
  text.resize(length);
  broadcast(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace avsr::backend
