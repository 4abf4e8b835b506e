namespace Broker.Storage;

/// <summary>Why a store cannot be opened.</summary>
public enum StoreProblem
{
    /// <summary>It was written by a newer version of the broker.</summary>
    NewerFormat,

    /// <summary>It belongs to another node.</summary>
    OtherNode,

    /// <summary>What must be there is missing or unreadable, and going on would lose data.</summary>
    Unreadable,
}

/// <summary>A store cannot be opened as it is. The text says what was found and what to do.</summary>
public sealed class StoreException(StoreProblem problem, string message) : IOException(message)
{
    /// <summary>What is wrong.</summary>
    public StoreProblem Problem => problem;
}
