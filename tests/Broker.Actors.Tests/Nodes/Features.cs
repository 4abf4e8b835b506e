using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Queues with arguments, frame by frame.</summary>
internal static class Features
{
    /// <summary>Arguments that make a queue publish its dead letters to the default exchange.</summary>
    public static (string, FieldValue)[] DeadLettersTo(string queue) => [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", queue)];

    public static async Task DeclareAsync(this WireConnection client, string name, DeclareQueueFlags flags, params (string Name, FieldValue Value)[] arguments)
    {
        await using var stream = await client.OpenRequestsAsync();
        await stream.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = name, Flags = flags, Arguments = FieldTable.Of(arguments) }.Write(w));
        await stream.ExpectAsync(FrameType.QueueOk);
    }

    /// <summary>Declares a durable queue.</summary>
    public static Task DeclareAsync(this WireConnection client, string name, params (string Name, FieldValue Value)[] arguments) => client.DeclareAsync(name, DeclareQueueFlags.Durable, arguments);

    /// <summary>Publishes bodies to a queue and waits for their confirms.</summary>
    public static async Task SendAsync(this WireConnection client, string queue, params IEnumerable<string> bodies)
    {
        await using var publisher = await client.OpenPublisherAsync();
        var sequence = 0UL;
        foreach (var body in bodies)
        {
            await publisher.PublishAsync(++sequence, "", queue, body, PublishFlags.Durable);
        }

        await publisher.ExpectConfirmsAsync((int)sequence);
    }

    /// <summary>SUBSCRIBE with a priority.</summary>
    public static async Task<WireStream> SubscribeAsync(this WireConnection client, string queue, FieldTable arguments, ulong messages = 1000)
    {
        var stream = await client.OpenAsync(StreamKind.Consume);
        await stream.SendAsync(w => new SubscribeFrame { Queue = queue, CreditMessages = messages, CreditBytes = 1 << 20, Arguments = arguments }.Write(w));
        await stream.ExpectAsync(FrameType.Subscribed);
        return stream;
    }

    public static Task RejectAsync(this WireStream consumer, ulong tag, string reason = "") =>
        consumer.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Reject, [new SequenceRange(tag, tag)], reason));

    /// <summary>The entries of <c>x-death</c>, as texts of queue, reason, count and what was said.</summary>
    public static List<string> DeathsOf(this WireDelivery delivery)
    {
        Assert.True(delivery.PropertiesOf().Headers.TryGetValue("x-death", out var deaths), "there is no x-death");
        return [.. deaths.AsList()!.Select(d => d.AsList()!).Select(d => $"{d[0].AsText()}:{d[1].AsText()}:{d[2].AsInteger()}:{d[6].AsText()}")];
    }

    /// <summary>Waits for a queue not to be there.</summary>
    public static Task ExpectGoneAsync(this WireAdmin admin, string queue) => WireAdmin.UntilAsync(() => admin.QueueAsync(queue), q => q is null, $"queue '{queue}' to be gone");
}
