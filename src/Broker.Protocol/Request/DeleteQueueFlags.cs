namespace Broker.Protocol;

/// <summary>Flags of DELETE_QUEUE.</summary>
[Flags]
public enum DeleteQueueFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Refuse with PRECONDITION_FAILED while it has consumers.</summary>
    IfUnused = 1,

    /// <summary>Refuse with PRECONDITION_FAILED while it has messages.</summary>
    IfEmpty = 2,
}
