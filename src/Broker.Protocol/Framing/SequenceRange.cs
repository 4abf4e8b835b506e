namespace Broker.Protocol;

/// <summary>Consecutive sequences or delivery tags, both ends included.</summary>
/// <param name="First">The lowest, at least 1.</param>
/// <param name="Last">The highest, at least <paramref name="First"/>.</param>
public readonly record struct SequenceRange(ulong First, ulong Last)
{
    /// <summary>How many there are.</summary>
    public ulong Count => Last - First + 1;

    /// <summary>Whether the value is one of them.</summary>
    public bool Contains(ulong value) => value >= First && value <= Last;
}
