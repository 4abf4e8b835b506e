namespace Broker.Storage.Records;

/// <summary>What a record is. The numbers are on disk (docs/storage.md) and never change their meaning.</summary>
public enum RecordKind : byte
{
    /// <summary>Operations of one entity, with the messages that they bring in.</summary>
    Operations = 1,

    /// <summary>The whole state of one entity; what came before it need not be read again.</summary>
    Checkpoint = 2,

    /// <summary>The entity is gone.</summary>
    Deleted = 3,

    /// <summary>How far the log and its entities were when everything before this was on the disk.</summary>
    Mark = 4,

    /// <summary>Nothing follows in this file.</summary>
    End = 5,

    /// <summary>Messages of one queue in a segment file.</summary>
    Block = 6,
}
