using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>A durable queue whose disk is fast and whose memory is scarce does the same as one that is not durable and has everything in memory.</summary>
public class DurableQueueTwinTests
{
    private static readonly QueueLimits Scarce = new() { MaxLoadedBytes = 60, MinLoadedBytes = 20, MaxLoadedMessages = 12, ReadAheadBytes = 15, MaxUnsettledMessages = 9 };

    [Fact]
    public void Both_hand_out_the_same_messages_to_the_same_consumers_in_the_same_order() => RandomHistories.Check(3_000, 100, DurableQueueStep.Generate, steps =>
    {
        var twins = new Twins();
        foreach (var step in steps)
        {
            twins.Perform(step);
        }

        twins.Compare();
    });

    private sealed class Twins
    {
        private static readonly StoredMessage[] Messages = [.. Enumerable.Range(1, 12).Select(size => TestMessages.Named("m", size))];
        private readonly QueueMachine _durable = new(Scarce, new QueueLedger());
        private readonly QueueMachine _transient = new(new QueueLimits { MaxUnsettledMessages = Scarce.MaxUnsettledMessages });
        private readonly QueueDisk _disk = new();
        private readonly Dictionary<long, List<ulong>> _tags = []; // to be settled
        private readonly HashSet<long> _noAck = [];
        private QueueEffect.Load? _load;
        private long _batchId;

        public void Perform(DurableQueueStep step)
        {
            var (kind, who, x, y) = step;
            var consumer = new ConsumerId(who);
            switch (kind)
            {
                case DurableQueueStep.Act.Publish:
                    Publish(who, x, y);
                    break;
                case DurableQueueStep.Act.Subscribe:
                    var refusal = Both(m => m.HandleSubscribe(consumer, exclusive: x % 9 == 0, noAck: y % 4 == 0, maxMessageBytes: x % 5 == 0 ? 8 : int.MaxValue)?.Code);
                    if (refusal is null && y % 4 == 0)
                    {
                        _noAck.Add(who);
                    }

                    break;
                case DurableQueueStep.Act.Grant:
                    Both(m => m.HandleGrant(consumer, x % 9, y % 90));
                    break;
                case DurableQueueStep.Act.Settle:
                    var tags = _tags.GetValueOrDefault(who, []).Where((_, i) => (x >> (i % 16) & 1) == 1).ToList();
                    var fault = Both(m => m.HandleSettle(consumer, [.. tags.Select(t => new SequenceRange(t, t))], (SettleOutcome)(y % 3)));
                    Assert.True(fault is null || tags.Count == 0, fault?.Reason);
                    tags.ForEach(t => _tags[who].Remove(t));
                    break;
                case DurableQueueStep.Act.Cancel:
                    Both(m => m.HandleCancel(consumer));
                    break;
                case DurableQueueStep.Act.ConsumerGone:
                    Both(m => m.HandleConsumerGone(consumer));
                    _tags.Remove(who);
                    _noAck.Remove(who);
                    break;
                case DurableQueueStep.Act.Get:
                    Get(who, noAck: x % 2 == 0);
                    break;
                case DurableQueueStep.Act.Purge:
                    Both(m => m.HandlePurge());
                    break;
                case DurableQueueStep.Act.Memory:
                    _durable.HandleMemoryShort(x % 2 == 0);
                    break;
                case DurableQueueStep.Act.Dispatch:
                    Compare();
                    break;
                default:
                    break;
            }
        }

        public void Compare()
        {
            _transient.Dispatch();
            var expected = Effects(_transient).ToList();
            var actual = new List<QueueEffect>();
            do
            {
                _durable.Dispatch();
                actual.AddRange(Effects(_durable));
            }
            while (ReadAll());

            // What comes after a message was read comes in an effect of its own.
            Assert.Equal(Others(expected), Others(actual));
            foreach (var id in expected.Concat(actual).OfType<QueueEffect.Deliver>().Select(d => d.Consumer).Distinct())
            {
                var deliveries = DeliveriesOf(expected, id);
                Same.Sequence(deliveries, DeliveriesOf(actual, id));
                if (!_noAck.Contains(id.Value))
                {
                    _tags.TryAdd(id.Value, []);
                    _tags[id.Value].AddRange(deliveries.Select(d => d.Tag));
                }
            }

            Both(m => m.Counters);
            Both(m => (m.ReadyCount, m.UnsettledCount, m.ConsumerCount, m.ParkedCount, m.SizeBytes));
        }

        private void Publish(int who, int x, int y)
        {
            var messages = Enumerable.Range(0, x % 7).Select(i => Messages[(y + (i * x)) % Messages.Length]).ToArray();
            var first = (ulong)(_batchId * 4) - Math.Min((ulong)_batchId * 4, (ulong)(y / 3 % 12));
            var producer = y % 3 == 0 ? default : new ProducerBatch($"producer {y % 2}", messages.Select((_, i) => first + (ulong)i).ToArray());
            _batchId++;
            Both(m => m.HandleEnqueue(new PublisherId(who), _batchId, messages, producer));
        }

        private void Get(int who, bool noAck)
        {
            Compare();
            var expected = _transient.HandleGet(new ConsumerId(who), noAck, out var delivery);
            GetResult actual;
            Delivery same;
            while ((actual = _durable.HandleGet(new ConsumerId(who), noAck, out same)) == GetResult.Later)
            {
                _durable.Dispatch();
                Assert.All(Effects(_durable), e => Assert.IsType<QueueEffect.Load>(e));
                Assert.True(ReadAll(), "nothing is read");
            }

            Assert.Equal((expected, delivery), (actual, same));
            if (expected == GetResult.Message && !noAck)
            {
                _tags.TryAdd(who, []);
                _tags[who].Add(delivery.Tag);
            }
        }

        private bool ReadAll()
        {
            if (_load is not { } load)
            {
                return false;
            }

            _load = null;
            Assert.True(_disk.TryRead(load, out var messages, out var last));
            Assert.Empty(_durable.HandleLoaded(messages, load.Position, last));
            return true;
        }

        private IEnumerable<QueueEffect> Effects(QueueMachine machine)
        {
            if (machine.TakeRecord() is { } record)
            {
                _disk.Append(machine.Ledger!.LastIndex, record);
                _disk.CertainIndex = machine.Ledger.LastIndex;
                machine.HandleCertain(_disk.CertainIndex);
            }

            while (machine.TryTakeEffect(out var effect))
            {
                _load = effect as QueueEffect.Load ?? _load;
                yield return effect;
            }
        }

        private static List<Delivery> DeliveriesOf(IEnumerable<QueueEffect> effects, ConsumerId consumer) =>
            [.. effects.OfType<QueueEffect.Deliver>().Where(d => d.Consumer == consumer).SelectMany(d => d.Deliveries)];

        private static IEnumerable<QueueEffect> Others(IEnumerable<QueueEffect> effects) => effects.Where(e => e is not (QueueEffect.Deliver or QueueEffect.Load));

        private void Both(Action<QueueMachine> act)
        {
            act(_durable);
            act(_transient);
        }

        private T Both<T>(Func<QueueMachine, T> ask)
        {
            var answer = ask(_transient);
            Assert.Equal(answer, ask(_durable));
            return answer;
        }
    }
}
