namespace Broker.Protocol;

/// <summary>What a binding leads to.</summary>
public enum DestinationKind : byte
{
    /// <summary>A queue.</summary>
    Queue = 0,

    /// <summary>Another exchange.</summary>
    Exchange = 1,
}

internal static class DestinationKindField
{
    public static DestinationKind Read(ref PayloadReader reader)
    {
        var value = reader.Number("destination kind");
        if (value > (ulong)DestinationKind.Exchange)
        {
            reader.Fail($"destination kind: {value} is neither queue (0) nor exchange (1)");
        }

        return (DestinationKind)value;
    }
}
