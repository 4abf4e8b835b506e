using System.Globalization;
using Broker.Machines.Publishing;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>
/// A publish stream, a router whose routes change and queues that answer when they like: each message reaches the queues of its route, once and in order, and has
/// exactly one outcome, the right one.
/// </summary>
public class PublishHistoryTests
{
    private static readonly PublishStreamLimits Limits = new() { MaxMessageBytes = 200, MaxOutstandingBytes = 2_000, MaxOutstandingMessages = 20, MaxBlockBytes = 300 };

    private static readonly FrameFault Deleted = new(ErrorCode.QueueDeleted, "the queue was deleted");

    private enum Kind
    {
        Publish,
        Bind,
        Send,
        Answer,
        Park,
        TakeOutcomes,
    }

    private static readonly Kind[] Frequencies =
    [
        .. Enumerable.Repeat(Kind.Publish, 12), Kind.Bind, .. Enumerable.Repeat(Kind.Send, 4), .. Enumerable.Repeat(Kind.Answer, 8), Kind.Park, Kind.Park, Kind.TakeOutcomes,
    ];

    private readonly record struct Step(Kind Kind, int X, int Y);

    [Fact]
    public void Each_message_reaches_its_queues_once_and_has_one_outcome() => RandomHistories.Check(
        2_500,
        250,
        random => new Step(Frequencies[random.Next(Frequencies.Length)], random.Next(1 << 16), random.Next(1 << 16)),
        steps =>
        {
            var run = new Run();
            foreach (var step in steps)
            {
                run.Perform(step);
            }

            run.Finish();
        });

    private sealed class Run
    {
        private readonly PublishStream _stream = new(Limits);
        private readonly List<PublishBatch> _sent = [];
        private readonly HashSet<PublishBatch> _parked = [];
        private readonly Dictionary<string, List<byte[]>> _expectedOfQueue = []; // not yet sent
        private readonly Dictionary<ulong, (int Open, bool Failed)> _open = [];
        private readonly Dictionary<ulong, (bool Returned, ErrorCode Code)?> _due = []; // null: confirm
        private readonly List<(ReadOnlyMemory<byte> Stored, byte[] Published)> _stored = [];
        private readonly Dictionary<byte[], ulong> _sequenceOf = [];
        private readonly Dictionary<PublishBatch, List<ulong>> _sequencesOfBatch = [];
        private long _outstandingBytes;
        private ulong _sequence;

        public void Perform(Step step)
        {
            switch (step.Kind)
            {
                case Kind.Publish when _stream.Machine.MayRead:
                    Publish(step.X, step.Y);
                    break;
                case Kind.Bind:
                    var queues = Enumerable.Range(0, 4).Where(i => (step.Y >> i & 1) == 1).Select(i => $"q{i}").ToArray();
                    _stream.Router.Set($"x{step.X % 2}", $"k{step.X / 2 % 3}", queues);
                    break;
                case Kind.Send:
                    Send();
                    break;
                case Kind.Answer when _sent.Count > 0:
                    Answer(_sent[step.X % _sent.Count], accepted: step.Y % 6 > 0);
                    break;
                case Kind.Park when _sent.Count > 0:
                    if (_parked.Add(_sent[step.X % _sent.Count]))
                    {
                        _stream.Machine.HandleParked();
                    }

                    break;
                case Kind.TakeOutcomes:
                    TakeOutcomes();
                    break;
            }

            Assert.Equal(_outstandingBytes, _stream.Machine.OutstandingBytes);
            Assert.Equal(_parked.Count, _stream.Machine.ParkedCount);
            Assert.Equal(_open.Count == 0 && _due.Count == 0, _stream.Machine.IsSettled);
            Assert.True(_stream.Machine.MayRead || _open.Count > 0, "the stream waits for nobody");
            Assert.True(!_stream.Machine.MayRead || (_outstandingBytes < Limits.MaxOutstandingBytes && _open.Count < Limits.MaxOutstandingMessages), "too much is under way");
        }

        public void Finish()
        {
            Send();
            while (_sent.Count > 0)
            {
                Answer(_sent[^1], accepted: true);
            }

            TakeOutcomes();
            Assert.Empty(_open);
            Assert.True(_stream.Machine.IsSettled && _stream.Machine.MayRead);
            Assert.DoesNotContain(_stored, s => !s.Stored.Span.SequenceEqual(s.Published)); // nothing was written over
        }

        private void Publish(int x, int y)
        {
            _sequence += 1 + (ulong)(x / 64 % 2);
            var (exchange, key) = ($"x{x % 3}", $"k{x / 4 % 4}");
            var mandatory = y % 3 == 0;
            var properties = y % 4 == 0 ? new MessageProperties { MessageId = y.ToString(CultureInfo.InvariantCulture) } : null;
            var message = TestMessages.Encoded(exchange, key, new string('b', y % 210), properties);
            _stream.Machine.BeginRead(x % 1000, now: 0);
            Assert.Null(_stream.Machine.HandlePublish(_sequence, mandatory, y % 2 == 0, message));

            if (message.Length > Limits.MaxMessageBytes)
            {
                _due.Add(_sequence, (false, ErrorCode.MessageTooLarge));
            }
            else if (!_stream.Router.Has(exchange))
            {
                _due.Add(_sequence, (false, ErrorCode.NotFound));
            }
            else if (_stream.Router.QueuesOf(exchange, key) is not { Length: > 0 } queues)
            {
                _due.Add(_sequence, mandatory ? (true, ErrorCode.Unroutable) : null);
            }
            else
            {
                _open.Add(_sequence, (queues.Length, false));
                foreach (var queue in queues)
                {
                    _expectedOfQueue.TryAdd(queue, []);
                    _expectedOfQueue[queue].Add(message);
                    _outstandingBytes += message.Length;
                    _sequenceOf.TryAdd(message, _sequence);
                }
            }
        }

        private void Send()
        {
            var batches = _stream.Batches();
            Assert.Equal(_expectedOfQueue.Keys.Order(), batches.Select(b => b.Queue).Order());
            foreach (var batch in batches)
            {
                var expected = _expectedOfQueue[batch.Queue];
                Same.Sequence(expected.Select(Convert.ToHexString), batch.Messages.ToArray().Select(m => Convert.ToHexString(m.Bytes.Span)));
                _stored.AddRange(batch.Messages.ToArray().Select((m, i) => (m.Bytes, expected[i])));
                _sequencesOfBatch[batch] = [.. expected.Select(m => _sequenceOf[m])];
                _sent.Add(batch);
            }

            _expectedOfQueue.Clear();
        }

        private void Answer(PublishBatch batch, bool accepted)
        {
            _stream.Machine.HandleAnswered(batch, accepted ? null : Deleted, wasParked: _parked.Remove(batch));
            _sent.Remove(batch);
            _outstandingBytes -= batch.SizeBytes;
            foreach (var sequence in _sequencesOfBatch[batch])
            {
                var (open, failed) = _open[sequence];
                _open[sequence] = (open - 1, failed || !accepted);
                if (open == 1)
                {
                    _due.Add(sequence, _open[sequence].Failed ? (false, ErrorCode.QueueDeleted) : null);
                    _open.Remove(sequence);
                }
            }
        }

        private void TakeOutcomes()
        {
            var (confirmed, others) = _stream.Outcomes();
            var outcomes = new Dictionary<ulong, (bool Returned, ErrorCode Code)?>();
            foreach (var range in confirmed)
            {
                for (var sequence = range.First; sequence <= range.Last; sequence++)
                {
                    outcomes.Add(sequence, null);
                }
            }

            foreach (var outcome in others)
            {
                outcomes.Add(outcome.Sequence, (outcome.Returned, outcome.Fault.Code));
            }

            Assert.Equal(_due.OrderBy(d => d.Key), outcomes.OrderBy(o => o.Key));
            _due.Clear();
        }
    }
}
