using Broker.Machines.Publishing;
using Broker.Machines.Routing;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>A publish stream's machine with its router, and what a test asks of it.</summary>
internal sealed class PublishStream
{
    public PublishStream(PublishStreamLimits? limits = null, bool open = true, IRouter? router = null)
    {
        Machine = new PublishStreamMachine(router ?? Router, limits ?? new PublishStreamLimits());
        if (open)
        {
            Assert.Null(Machine.HandleOpen());
        }
    }

    public FakeRouter Router { get; } = new();

    public PublishStreamMachine Machine { get; }

    public FrameFault? Publish(ulong sequence, string key, string body = "", string exchange = "x", bool mandatory = false, bool durable = false, MessageProperties? properties = null, long now = 0)
    {
        var message = TestMessages.Encoded(exchange, key, body, properties);
        Machine.BeginRead(message.Length, now);
        return Machine.HandlePublish(sequence, mandatory, durable, message);
    }

    public List<PublishBatch> Batches()
    {
        var batches = new List<PublishBatch>();
        Machine.TakeBatches(batches);
        return batches;
    }

    public (List<SequenceRange> Confirmed, List<PublishOutcome> Others) Outcomes()
    {
        var (confirmed, others) = (new List<SequenceRange>(), new List<PublishOutcome>());
        Machine.TakeOutcomes(confirmed, others);
        return (confirmed, others);
    }

    public static List<string> BodiesOf(PublishBatch batch) => [.. batch.Messages.ToArray().Select(m => TestMessages.BodyOf(m.Bytes.Span))];
}
