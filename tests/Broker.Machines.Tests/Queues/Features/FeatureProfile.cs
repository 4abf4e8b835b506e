using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues.Features;

/// <summary>What a message of a history is like.</summary>
internal sealed record FeatureMessage(StoredMessage Stored, long? Expiration, long Delay, string? Group, string? Id)
{
    /// <summary>The same one, taken by the node at another time.</summary>
    public FeatureMessage At(long now) => this with { Stored = new StoredMessage(Stored.Bytes, new MessageMeta(Stored.Traits, Stored.Meta.Priority, now)) };
}

/// <summary>Which features a set of histories is about.</summary>
/// <param name="Settings">The first is what the queue is declared with; policies make others of it.</param>
internal sealed record FeatureProfile(params QueueSettings[] Settings)
{
    private static readonly Dictionary<(int Name, byte Priority, long? Expiration, long Delay, string? Group, string? Id), byte[]> Encoded = [];

    public byte[] Priorities { get; init; } = [0];

    public long?[] Expirations { get; init; } = [null];

    public long[] Delays { get; init; } = [0];

    public string?[] Groups { get; init; } = [null];

    public string?[] Ids { get; init; } = [null];

    public QueueLimits Limits { get; init; } = new() { MaxLoadedBytes = 160, MinLoadedBytes = 80, MaxLoadedMessages = 64, ReadAheadBytes = 40 };

    public bool Durable { get; init; } = true;

    public FeatureMessage Message(int x, int y, long now)
    {
        var (priority, expiration) = (Priorities[x % Priorities.Length], Expirations[x / 8 % Expirations.Length]);
        var (delay, group) = (Delays[y % Delays.Length], Groups[y / 8 % Groups.Length]);
        var size = 1 + ((x ^ y) % 12);
        var id = Ids[(x / 64) % Ids.Length];
        var key = (size, priority, expiration, delay, group, id);
        if (!Encoded.TryGetValue(key, out var bytes))
        {
            bytes = TestMessages.Encoded("", "", new string('m', size), new MessageProperties
            {
                Expiration = expiration is { } e ? TimeSpan.FromMilliseconds(e) : null,
                Delay = delay > 0 ? TimeSpan.FromMilliseconds(delay) : null,
                GroupKey = group,
                MessageId = id,
            });
            Encoded.Add(key, bytes);
        }

        var traits = expiration is null && delay == 0 && group is null && id is null ? MessageTraits.None : MessageTraits.Special;
        return new FeatureMessage(new StoredMessage(bytes, new MessageMeta(traits, priority, now)), expiration, delay, group, id);
    }
}
