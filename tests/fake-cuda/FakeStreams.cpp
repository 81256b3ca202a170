//===- FakeStreams.cpp - Streams of a GPU that does not exist -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The driver's functions of streams, events and graphs.
//
//===----------------------------------------------------------------------===//

#include "tests/fake-cuda/FakeGpu.h"

using namespace gossamer::cuda;
using namespace gossamer::cuda::fake;

extern "C" {

Result cuStreamCreate(Stream *stream, unsigned flags) {
  GOSS_FAKE_LOCKED;
  *stream = new StreamTag;
  gpu.streams.insert(*stream);
  return flags == 1 ? 0 : invalidValue;
}

Result cuStreamDestroy_v2(Stream stream) {
  GOSS_FAKE_LOCKED;
  gpu.drainAll();
  gpu.streams.erase(stream);
  delete stream;
  return 0;
}

Result cuStreamSynchronize(Stream stream) {
  GOSS_FAKE_LOCKED;
  if (stream->graph)
    return captureInvalid;
  gpu.drain(*stream, stream->added);
  return 0;
}

Result cuEventCreate(Event *event, unsigned) {
  *event = new EventTag;
  return 0;
}

Result cuEventDestroy_v2(Event event) {
  delete event;
  return 0;
}

Result cuEventRecord(Event event, Stream stream) {
  GOSS_FAKE_LOCKED;
  *event = {stream, stream->added, stream->graph != nullptr};
  return 0;
}

Result cuEventSynchronize(Event event) {
  GOSS_FAKE_LOCKED;
  if (event->isCaptured)
    return captureInvalid;
  if (event->stream)
    gpu.drain(*event->stream, event->ticket);
  return 0;
}

Result cuEventElapsedTime(float *milliseconds, Event, Event) {
  *milliseconds = 0.25F;
  return 0;
}

Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  GOSS_FAKE_LOCKED;
  if (!event->stream)
    return 0;
  if (!event->isCaptured) {
    StreamTag *before = event->stream;
    uint64_t ticket = event->ticket;
    gpu.add(*stream, [before, ticket] {
      if (Gpu::get().streams.contains(before))
        Gpu::get().drain(*before, ticket);
    });
    return stream->graph ? captureInvalid : 0;
  }
  // A stream that waits for captured work is captured with it.
  GraphTag *graph = event->stream->graph;
  if (!graph || (stream->graph && stream->graph != graph))
    return captureInvalid;
  if (stream->isOrigin)
    event->stream->isJoined = true;
  else
    stream->isJoined = false;
  stream->graph = graph;
  graph->streams.insert(stream);
  return 0;
}

Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  GOSS_FAKE_LOCKED;
  if (stream->graph || mode != 1)
    return invalidValue;
  stream->graph = new GraphTag;
  stream->graph->streams.insert(stream);
  stream->isOrigin = true;
  return 0;
}

Result cuStreamEndCapture(Stream stream, Graph *graph) {
  GOSS_FAKE_LOCKED;
  *graph = stream->graph;
  bool isJoined = true;
  for (StreamTag *each : (*graph)->streams) {
    isJoined &= each->isJoined;
    each->graph = nullptr;
    each->isOrigin = false;
    each->isJoined = true;
  }
  return isJoined ? 0 : captureUnjoined;
}

Result cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph,
                                   unsigned long long) {
  GOSS_FAKE_LOCKED;
  *exec = new GraphExecTag{graph->work};
  gpu.note("graph made");
  return 0;
}

Result cuGraphDestroy(Graph graph) {
  delete graph;
  return 0;
}

Result cuGraphExecDestroy(GraphExec exec) {
  GOSS_FAKE_LOCKED;
  gpu.note("graph dropped");
  delete exec;
  return 0;
}

Result cuGraphLaunch(GraphExec exec, Stream stream) {
  GOSS_FAKE_LOCKED;
  gpu.add(*stream, [work = exec->work] {
    Gpu::get().note("graph launched");
    for (const auto &each : work)
      each();
  });
  return 0;
}

} // extern "C"
