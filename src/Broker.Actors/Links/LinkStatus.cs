using System.Runtime.CompilerServices;
using Broker.Machines.Cluster;

namespace Broker.Actors.Links;

/// <summary>A link's figures for listings; written by its actors, read by anybody.</summary>
internal sealed class LinkStatus(string node)
{
    private StrongBox<NodeLife>? _life;
    private IReadOnlyList<string> _addresses = [];
    private long _longestGap;

    public string Node => node;

    /// <summary>The life that answers; <c>null</c> while none does.</summary>
    public NodeLife? Life
    {
        get => Volatile.Read(ref _life)?.Value;
        set => Volatile.Write(ref _life, value is { } life ? new StrongBox<NodeLife>(life) : null);
    }

    /// <summary>Where the node says that it listens, best first; set by who knows the members.</summary>
    public IReadOnlyList<string> Addresses
    {
        get => Volatile.Read(ref _addresses);
        set => Volatile.Write(ref _addresses, value);
    }

    /// <summary>Why the link is down or was down last; <c>null</c> if it never was.</summary>
    public volatile string? Problem;

    /// <summary>The longest time between two signs of life while the link was up, of all its connections.</summary>
    public TimeSpan LongestGap => TimeSpan.FromTicks(Volatile.Read(ref _longestGap));

    public void RecordGap(TimeSpan gap)
    {
        if (gap.Ticks > _longestGap)
        {
            Volatile.Write(ref _longestGap, gap.Ticks);
        }
    }

    public override string ToString() => Life is { } life ? $"{node} up, incarnation {life.Incarnation}" : $"{node} down: {Problem ?? "not dialled yet"}";
}
