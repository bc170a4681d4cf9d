import type { VolumeInspect } from '#api';
import { humanSize, type Row } from '#console';
import { joinLabels } from './text-lists.ts';

export const VOLUME_HEADINGS = {
  Name: 'VOLUME NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Group: 'GROUP',
  Availability: 'AVAILABILITY',
  Status: 'STATUS',
};

/** A volume as `volume ls` shows it; the keys are those of docker's `{{json .}}`. */
export const volumeRow = (volume: VolumeInspect): Row => ({
  Availability: 'N/A',
  Driver: volume.Driver,
  Group: 'N/A',
  Label: (name: unknown) => volume.Labels?.[String(name)] ?? '',
  Labels: joinLabels(volume.Labels),
  Links: volume.UsageData === undefined ? 'N/A' : String(volume.UsageData.RefCount),
  Mountpoint: volume.Mountpoint,
  Name: volume.Name,
  Scope: volume.Scope,
  Size: volume.UsageData === undefined ? 'N/A' : humanSize(volume.UsageData.Size),
  Status: 'N/A',
});
