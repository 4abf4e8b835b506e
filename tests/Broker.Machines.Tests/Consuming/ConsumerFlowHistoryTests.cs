using Broker.Machines.Consuming;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;

namespace Broker.Machines.Tests.Consuming;

/// <summary>
/// A queue, a consumer's stream and its client, with grants and deliveries that take their time between them: nobody gets more than was asked for or than the
/// window holds, and nothing ever stands still while the client has credit and the queue has messages.
/// </summary>
public class ConsumerFlowHistoryTests
{
    private static readonly StoredMessage[] Messages = [.. Enumerable.Range(0, 41).Select(size => TestMessages.Named("", size))];

    private enum Kind
    {
        Publish,
        ClientCredit,
        GrantArrives,
        DeliveryArrives,
        Flush,
    }

    private readonly record struct Step(Kind Kind, int X, int Y);

    [Fact]
    public void Credit_is_never_exceeded_and_never_stuck() => RandomHistories.Check(
        3_000,
        200,
        random => new Step((Kind)random.Next(5), random.Next(1 << 16), random.Next(1 << 16)),
        steps =>
        {
            // the first step also sets the window, so that windows smaller than a message occur
            var run = new Run(windowMessages: 1 + (steps[0].X % 12), windowBytes: 1 + (steps[0].Y % 120));
            foreach (var step in steps)
            {
                run.Perform(step);
            }

            run.Finish();
        });

    private sealed class Run(long windowMessages, long windowBytes)
    {
        private const int LargestMessage = 40;
        private static readonly ConsumerId Consumer = new(1);
        private readonly QueueMachine _queue = Subscribed();
        private readonly ConsumerCredit _credit = new(windowMessages, windowBytes);
        private readonly Queue<(long Messages, long Bytes)> _grants = new(); // on their way to the queue
        private readonly Queue<IReadOnlyList<Delivery>> _deliveries = new(); // on their way to the stream
        private readonly List<long> _written = []; // sizes of what the QUIC stream has not taken yet
        private long _batch;
        private long _askedMessages;
        private long _askedBytes;
        private long _sentMessages;
        private long _sentBytes;
        private long _inWindowMessages;
        private long _inWindowBytes;

        public void Perform(Step step)
        {
            switch (step.Kind)
            {
                case Kind.Publish:
                    _queue.HandleEnqueue(new PublisherId(2), ++_batch, Enumerable.Range(0, step.X % 8).Select(i => Messages[(step.Y + (i * step.X)) % Messages.Length]).ToArray());
                    DispatchQueue();
                    break;
                case Kind.ClientCredit:
                    ClientAsks(step.X % 5, step.Y % 60);
                    break;
                case Kind.GrantArrives when _grants.TryDequeue(out var grant):
                    _queue.HandleGrant(Consumer, grant.Messages, grant.Bytes);
                    DispatchQueue();
                    break;
                case Kind.DeliveryArrives when _deliveries.TryDequeue(out var deliveries):
                    _credit.HandleDelivered(deliveries.Count, deliveries.Sum(d => (long)d.Entry.Message.SizeBytes));
                    _written.AddRange(deliveries.Select(d => (long)d.Entry.Message.SizeBytes));
                    break;
                case Kind.Flush:
                    Flush(Math.Min(step.X % 4, _written.Count));
                    break;
            }

            while (_credit.TryTakeGrant(out var messages, out var bytes))
            {
                Assert.True(messages >= 0 && bytes >= 0 && messages + bytes > 0, "a grant gives something and takes nothing");
                _grants.Enqueue((messages, bytes));
            }
        }

        /// <summary>The client asks for single messages until it has all; everything on its way arrives in between.</summary>
        public void Finish()
        {
            for (var asks = 0; ; asks++)
            {
                Settle();
                if (_queue.ReadyCount == 0)
                {
                    return;
                }

                Assert.True(_askedMessages == _sentMessages || _askedBytes <= _sentBytes, $"{_queue.ReadyCount} messages stand still while the client has credit for them");
                Assert.True(asks < 10_000, "the client asks in vain");
                ClientAsks(_askedMessages == _sentMessages ? 1 : 0, _askedBytes <= _sentBytes ? _sentBytes - _askedBytes + 1 : 0);
                Perform(new Step(Kind.Flush, 0, 0)); // takes the grant
            }
        }

        private void Settle()
        {
            do
            {
                Perform(new Step(Kind.GrantArrives, 0, 0));
                Perform(new Step(Kind.DeliveryArrives, 0, 0));
                Perform(new Step(Kind.Flush, 3, 0));
            }
            while (_grants.Count > 0 || _deliveries.Count > 0 || _written.Count > 0);
        }

        private void Flush(int messages)
        {
            var bytes = _written.Take(messages).Sum();
            _written.RemoveRange(0, messages);
            _credit.HandleFlushed(messages, bytes);
            _inWindowMessages -= messages;
            _inWindowBytes -= bytes;
        }

        private void ClientAsks(long messages, long bytes)
        {
            _askedMessages += messages;
            _askedBytes += bytes;
            _credit.HandleCredit((ulong)messages, (ulong)bytes);
        }

        private void DispatchQueue()
        {
            _queue.Dispatch();
            while (_queue.TryTakeEffect(out var effect))
            {
                if (effect is not QueueEffect.Deliver { Deliveries: var deliveries })
                {
                    continue;
                }

                _deliveries.Enqueue(deliveries);
                foreach (var delivery in deliveries)
                {
                    Assert.True(_sentMessages < _askedMessages && _sentBytes < _askedBytes, "more was sent than the client asked for");
                    Assert.True(_inWindowMessages < windowMessages, "more messages are on their way than the window holds");
                    Assert.True(_inWindowBytes < windowBytes, "more bytes are on their way than the window holds");
                    _sentMessages++;
                    _inWindowMessages++;
                    _sentBytes += delivery.Entry.Message.SizeBytes;
                    _inWindowBytes += delivery.Entry.Message.SizeBytes;
                }

                Assert.InRange(_inWindowBytes, 0, windowBytes + LargestMessage - 1);
            }
        }

        private static QueueMachine Subscribed()
        {
            var queue = new QueueMachine(new QueueLimits());
            Assert.Null(queue.HandleSubscribe(Consumer, exclusive: false, noAck: false));
            return queue;
        }
    }
}
