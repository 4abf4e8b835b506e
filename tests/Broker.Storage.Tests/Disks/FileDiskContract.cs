using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

public sealed class FileDiskContract : DiskContract, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FileDiskContract() => Disk = new FileDisk(_folder["disk"]);

    protected override IDisk Disk { get; }

    public void Dispose() => _folder.Dispose();
}
