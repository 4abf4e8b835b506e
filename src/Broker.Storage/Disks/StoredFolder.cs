namespace Broker.Storage.Disks;

/// <summary>
/// A folder as the process sees it, what of it is certain to be on the disk, and the changes that lie between the two. The disk's lock is held by whoever calls.
/// </summary>
internal sealed class StoredFolder : StoredNode
{
    private readonly List<FolderChange> _pending = [];
    private SortedList<string, StoredNode> _entries = new(StringComparer.Ordinal);
    private SortedList<string, StoredNode> _durable = new(StringComparer.Ordinal);

    /// <summary>What the process sees, in ordinal order.</summary>
    public IEnumerable<KeyValuePair<string, StoredNode>> Entries => _entries;

    /// <summary>Folders that a crash may leave in this one, in ordinal order. No change adds one, since creating a folder is certain at once.</summary>
    public IEnumerable<StoredFolder> DurableFolders => _durable.Values.OfType<StoredFolder>();

    /// <summary>Changes that are not synced.</summary>
    public int PendingChanges => _pending.Count;

    /// <summary>What has a name, as the process sees it.</summary>
    public StoredNode? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Gives a file its name, in place of what has it.</summary>
    public void Add(string name, StoredFile file) => Change(new FolderChange(this, name, file));

    /// <summary>Takes away what has a name.</summary>
    public void Remove(string name) => Change(new FolderChange(this, name, null));

    /// <summary>Gives a file another name in one step.</summary>
    public void Rename(string from, string to, StoredFile file) => Change(new FolderChange(this, to, file) { Vacated = from });

    /// <summary>Moves a file to another folder. A crash may leave it in both, but the name here does not go before the other is certain.</summary>
    public void MoveTo(StoredFolder target, string from, string to, StoredFile file)
    {
        var arrival = new FolderChange(target, to, file);
        target.Change(arrival);
        Change(new FolderChange(this, from, null) { Needs = arrival });
    }

    /// <summary>Adds a folder, or makes the one that is there certain.</summary>
    public void AddDurably(string name, StoredFolder folder)
    {
        _entries[name] = folder;
        if (_durable.GetValueOrDefault(name) == folder)
        {
            return;
        }

        // Other changes may still be lost; those of this name would come after the folder now, so they are over.
        foreach (var change in _pending)
        {
            change.Forget(name);
        }

        _durable[name] = folder;
    }

    /// <summary>Makes the first changes certain.</summary>
    public void Commit(int changes)
    {
        for (; changes > 0 && _pending.Count > 0; changes--)
        {
            CommitFirst();
        }
    }

    /// <summary>Takes back what is not certain.</summary>
    public void DropPending()
    {
        if (_pending.Count > 0)
        {
            _pending.Clear();
        }

        _entries = new SortedList<string, StoredNode>(_durable, StringComparer.Ordinal);
    }

    private void Change(FolderChange change)
    {
        change.Apply(_entries);
        _pending.Add(change);
    }

    private void CommitFirst()
    {
        var change = _pending[0];
        while (change.Needs is { IsDone: false } arrival)
        {
            // It leads to no circle: what the arrival needs in turn is older than itself.
            arrival.Folder.CommitFirst();
        }

        if (!change.IsDone)
        {
            change.Apply(_durable);
            change.IsDone = true;
            _pending.RemoveAt(0);
        }
    }
}

/// <summary>A change of a folder's entries that happens in one step or not at all.</summary>
internal sealed class FolderChange(StoredFolder folder, string? name, StoredNode? node)
{
    private string? _name = name;

    /// <summary>The folder that it changes.</summary>
    public StoredFolder Folder => folder;

    /// <summary>A name that it takes away; null for none.</summary>
    public string? Vacated { get; set; }

    /// <summary>A change of another folder without which this one does not become certain; null for none.</summary>
    public FolderChange? Needs { get; init; }

    /// <summary>Whether it is certain.</summary>
    public bool IsDone { get; set; }

    /// <summary>Changes entries.</summary>
    public void Apply(SortedList<string, StoredNode> entries)
    {
        if (Vacated is not null)
        {
            entries.Remove(Vacated);
        }

        if (_name is null)
        {
            return;
        }

        if (node is null)
        {
            entries.Remove(_name);
        }
        else
        {
            entries[_name] = node;
        }
    }

    /// <summary>Has no effect on a name any more.</summary>
    public void Forget(string name)
    {
        _name = _name == name ? null : _name;
        Vacated = Vacated == name ? null : Vacated;
    }
}
